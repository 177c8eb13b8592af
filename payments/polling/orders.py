"""Poll orders: ask the gateway for their current state, whether or not it was reported.

One poll finds an order whose creation got no response, captures authorised payments, settles payments and refunds that
were not reported, and expires or extends an overdue hold.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction

from bookings.models import Booking
from bookings.operations import expire_hold, extend_hold
from foundation.clock import database_now
from foundation.due_rows import claim_due_rows, postpone, process_rows
from foundation.events import Actor, ActorKind
from foundation.outcomes import CallFailed
from payments.gateway import api as gateway
from payments.gateway.entities import GatewayOrder, GatewayPayment, GatewayRefund
from payments.gateway.errors import GatewayError
from payments.ledger import lock_account
from payments.models import Payment, PaymentLog, PaymentOrder, Refund
from payments.operations.checkout import adopt_order
from payments.operations.settle import settle_payment, settle_refund

log = logging.getLogger(__name__)

SOURCE = PaymentLog.Source.POLL
HOLD_EXPIRY = Actor(ActorKind.SYSTEM, "hold expiry")
RETRY_AFTER = timedelta(seconds=30)
HOLD_EXTENSION = timedelta(minutes=15)  # once, for a bank that is still processing the payment when the hold ends

State = Payment.State


@dataclass(frozen=True)
class OrderState:
    """An order's state at the gateway. ``found_order`` is set only if its id was unknown."""

    found_order: GatewayOrder | None
    payments: list[GatewayPayment]
    refunds: list[GatewayRefund]


def poll_orders() -> int:
    """Poll the orders that are due; return how many."""
    orders = claim_due_rows(PaymentOrder.objects.select_related("booking"), "next_check_at")
    return process_rows(orders, call=fetch_order_state, apply=apply_order_state, on_failure=_record_failed_poll)


def fetch_order_state(order: PaymentOrder) -> OrderState:
    """Fetch the order's state from the gateway, and capture its authorised payments. Raises GatewayError."""
    found_order = None
    order_id = order.razorpay_order_id
    if order_id is None:
        found_order = gateway.find_order(order.receipt, has_deadline=False)
        if found_order is None:
            return OrderState(None, [], [])
        order_id = found_order.order_id
    payments = [_capture_if_payable(payment, order) for payment in gateway.list_order_payments(order_id)]
    refunds = [
        refund
        for payment in payments
        if payment.refunded_minor
        for refund in gateway.list_payment_refunds(payment.payment_id)
    ]
    return OrderState(found_order, payments, refunds)


def _capture_if_payable(payment: GatewayPayment, order: PaymentOrder) -> GatewayPayment:
    """Capture an authorised payment of the right amount for a payable booking; return the payment's current state."""
    own_amount = payment.amount_minor - payment.fee_on_top_of(order)
    is_right_amount = (own_amount, payment.currency) == (order.amount_minor, order.currency)
    is_payable = order.booking.status in (Booking.Status.HELD, *Booking.PAYABLE)
    if payment.state != State.AUTHORIZED or not is_right_amount or not is_payable:
        return payment
    try:
        return gateway.capture_payment(payment.payment_id, amount_minor=payment.amount_minor, currency=payment.currency)
    except GatewayError:
        return gateway.fetch_payment(payment.payment_id)  # it may have been captured automatically in the meantime


def apply_order_state(order: PaymentOrder, order_state: OrderState) -> None:
    """Settle the order's state, and schedule the next poll."""
    if order_state.found_order is not None and adopt_order(order, order_state.found_order) is None:
        return
    for payment in order_state.payments:
        settle_payment(order_id=order.pk, gateway_payment=payment, source=SOURCE)
    rows = dict(Payment.objects.filter(order=order).values_list("razorpay_payment_id", "pk"))
    for refund in order_state.refunds:
        settle_refund(payment_pk=rows[refund.payment_id], gateway_refund=refund, source=SOURCE)
    has_pending = any(payment.state in (State.CREATED, State.AUTHORIZED) for payment in order_state.payments)
    _schedule_next_poll(order, has_pending_payment=has_pending)


def _record_failed_poll(order: PaymentOrder, error: CallFailed) -> None:
    log.warning("Failed to poll order %s: %s", order, error)
    postpone(order, "next_check_at", RETRY_AFTER, last_error=str(error)[:250])
    with transaction.atomic():
        account = lock_account(order.pk)
        # A payment may be in progress, but an unreachable gateway must not block the slot. A late payment is settled.
        expire_hold(booking_id=account.booking.pk, actor=HOLD_EXPIRY)


@transaction.atomic
def _schedule_next_poll(order: PaymentOrder, *, has_pending_payment: bool) -> None:
    """Expire or extend an overdue hold, and schedule the next poll, if there is one."""
    account = lock_account(order.pk)
    row, booking, now = account.order, account.booking, database_now()
    if booking.is_overdue:
        if has_pending_payment and not row.is_extended:
            row.is_extended = extend_hold(booking_id=booking.pk, until=now + HOLD_EXTENSION)
        else:
            expire_hold(booking_id=booking.pk, actor=HOLD_EXPIRY)
        booking.refresh_from_db(fields=["status", "hold_expires_at"])
    row.next_check_at = None if _is_settled(row) else row.next_poll_after(now, booking.hold_expires_at)
    if row.next_check_at is None and row.state in (PaymentOrder.State.CREATING, PaymentOrder.State.OPEN):
        row.state = PaymentOrder.State.CLOSED
    elif row.state == PaymentOrder.State.CREATING and booking.status != Booking.Status.HELD:
        # The order never reached the customer, so it cannot be paid.
        row.state, row.next_check_at = PaymentOrder.State.CLOSED, None
    row.save(update_fields=["is_extended", "next_check_at", "state", "updated_at"])


def _is_settled(order: PaymentOrder) -> bool:
    """Return whether nothing more is expected: the order is paid, its payments captured and its refunds processed."""
    if order.state != PaymentOrder.State.PAID:
        return False
    payments = Payment.objects.filter(order=order)
    has_uncaptured = payments.exclude(disposition=Payment.Disposition.NONE).filter(captured_at=None).exists()
    may_be_paid_late = payments.filter(state=State.FAILED).exists()
    has_pending_refund = Refund.objects.filter(payment__order=order, state__in=Refund.UNSETTLED).exists()
    return not (has_uncaptured or may_be_paid_late or has_pending_refund)
