"""Looks orders up at the gateway, whatever has or has not been reported of them.

One look does it all: it finds an order whose answer was lost, captures what was only authorised, applies payments and
refunds that nobody told us of, and decides what becomes of a hold whose time is over.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import expire_hold, extend_hold
from foundation.due_rows import claim_due_rows, postpone, process_rows
from foundation.events import Actor, ActorKind
from foundation.outcomes import CallFailed
from payments.gateway import api as gateway
from payments.gateway.entities import GatewayOrder, GatewayPayment, GatewayRefund
from payments.gateway.errors import GatewayError
from payments.ledger import lock_account
from payments.models import Payment, PaymentOrder, Refund
from payments.operations.checkout import adopt_order
from payments.operations.settle import settle_payment, settle_refund

log = logging.getLogger(__name__)

SOURCE = "check"
CLOCK = Actor(ActorKind.SYSTEM, "hold expiry")
AGAIN_AFTER = timedelta(seconds=30)
LONGER = timedelta(minutes=15)  # a bank that is still thinking when the hold ends is waited for once

State = Payment.State


@dataclass(frozen=True)
class OrderState:
    """What the gateway has of one order: ``found`` only where its id was not known."""

    found: GatewayOrder | None
    payments: list[GatewayPayment]
    refunds: list[GatewayRefund]


def poll_orders() -> int:
    """Look at the orders that are due; return how many."""
    orders = claim_due_rows(PaymentOrder.objects.select_related("booking"), "next_check_at")
    return process_rows(orders, call=fetch_order_state, apply=apply_order_state, on_failure=_record_failed_poll)


def fetch_order_state(order: PaymentOrder) -> OrderState:
    """Ask the gateway; capture what is only authorised and already counts. Raises GatewayError."""
    found = None
    order_id = order.razorpay_order_id
    if order_id is None:
        found = gateway.find_order(order.receipt, in_time=False)
        if found is None:
            return OrderState(None, [], [])
        order_id = found.order_id
    payments = [_captured(payment, order) for payment in gateway.list_order_payments(order_id)]
    refunds = [
        refund
        for payment in payments
        if payment.refunded_minor
        for refund in gateway.list_payment_refunds(payment.payment_id)
    ]
    return OrderState(found, payments, refunds)


def _captured(payment: GatewayPayment, order: PaymentOrder) -> GatewayPayment:
    """Capture an authorised payment of a live order for the right sum; return the payment as it is afterwards."""
    fits = (payment.amount_minor, payment.currency) == (order.amount_minor, order.currency)
    is_wanted = order.booking.status in (Booking.Status.HELD, *Booking.PAYABLE)
    if payment.state != State.AUTHORIZED or not fits or not is_wanted:
        return payment
    try:
        return gateway.capture_payment(payment.payment_id, amount_minor=payment.amount_minor, currency=payment.currency)
    except GatewayError:
        return gateway.fetch_payment(payment.payment_id)  # it may have captured itself meanwhile


def apply_order_state(order: PaymentOrder, look: OrderState) -> None:
    """Write what the gateway has into our books, and decide what is next for the order."""
    if look.found is not None and adopt_order(order, look.found) is None:
        return
    for payment in look.payments:
        settle_payment(order_id=order.pk, facts=payment, source=SOURCE)
    rows = dict(Payment.objects.filter(order=order).values_list("razorpay_payment_id", "pk"))
    for refund in look.refunds:
        settle_refund(payment_pk=rows[refund.payment_id], facts=refund, source=SOURCE)
    _plan(order, is_thinking=any(payment.state in (State.CREATED, State.AUTHORIZED) for payment in look.payments))


def _record_failed_poll(order: PaymentOrder, error: CallFailed) -> None:
    log.warning("Order %s could not be looked up: %s", order, error)
    postpone(order, "next_check_at", AGAIN_AFTER, last_error=str(error)[:250])
    with transaction.atomic():
        account = lock_account(order.pk)
        # Nobody can say whether it is being paid; the slot is not blocked for that. Late money finds its way.
        expire_hold(booking_id=account.booking.pk, actor=CLOCK)


@transaction.atomic
def _plan(order: PaymentOrder, *, is_thinking: bool) -> None:
    """Give the hold up or more time if it is over, and set when to look next, if ever."""
    account = lock_account(order.pk)
    row, booking, now = account.order, account.booking, timezone.now()
    if booking.is_overdue:
        if is_thinking and not row.is_extended:
            row.is_extended = extend_hold(booking_id=booking.pk, until=now + LONGER)
        else:
            expire_hold(booking_id=booking.pk, actor=CLOCK)
        booking.refresh_from_db(fields=["status", "hold_expires_at"])
    row.next_check_at = None if _is_settled(row) else row.next_poll_after(now, booking.hold_expires_at)
    if row.next_check_at is None and row.state in (PaymentOrder.State.CREATING, PaymentOrder.State.OPEN):
        row.state = PaymentOrder.State.CLOSED
    elif row.state == PaymentOrder.State.CREATING and booking.status != Booking.Status.HELD:
        row.state, row.next_check_at = PaymentOrder.State.CLOSED, None  # nobody ever saw it: nobody can pay it
    row.save(update_fields=["is_extended", "next_check_at", "state", "updated_at"])


def _is_settled(order: PaymentOrder) -> bool:
    """Whether nothing more is to be expected: paid, the money ours, and what goes back is back."""
    if order.state != PaymentOrder.State.PAID:
        return False
    payments = Payment.objects.filter(order=order)
    is_waiting = payments.exclude(disposition=Payment.Disposition.NONE).filter(captured_at=None).exists()
    may_come_late = payments.filter(state=State.FAILED).exists()
    is_going_back = Refund.objects.filter(payment__order=order, state__in=Refund.UNSETTLED).exists()
    return not (is_waiting or may_come_late or is_going_back)
