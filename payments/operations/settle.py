"""Settle: apply a gateway state to our rows, from any source: verify-payment, webhooks, polling, reconciliation.

Reports may be repeated, late and out of order, so states only move forward. What the money is for is decided in the
transaction that records its state, so captured money is always accounted for: it pays for the booking, is refunded, or
needs review.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from bookings.models import Booking
from bookings.operations import accept_payment
from foundation.clock import database_now
from foundation.events import Actor, ActorKind
from foundation.money import format_money
from payments.events import payment_failed, refund_processed
from payments.exceptions import PaymentMismatch
from payments.gateway.entities import GatewayPayment, GatewayRefund
from payments.ledger import (
    LockedAccount,
    advance_payment,
    advance_refund,
    flag_failed_refund,
    lock_account,
    lock_payment,
    refund_automatically,
    set_disposition,
)
from payments.models import Payment, PaymentOrder, Refund

GATEWAY_ACTOR = Actor(ActorKind.GATEWAY, "Razorpay")

State, Disposition = Payment.State, Payment.Disposition


@transaction.atomic
def settle_payment(*, order_id: UUID, gateway_payment: GatewayPayment, source: str, is_signed: bool = False) -> Payment:
    """Record the reported state of a payment, and decide what its money is for; a repeat changes nothing.

    ``source`` begins with a PaymentLog.Source; details may follow. ``is_signed``: the gateway's signature proves that
    it authorised this payment for this order. Raises PaymentMismatch for a payment of another order.
    """
    account = lock_account(order_id)
    payment = _get_or_create_payment(account, gateway_payment)
    if payment.order_id != account.order.pk:
        raise PaymentMismatch("This payment belongs to another order.")
    was_captured = payment.is_captured
    had_mismatch = bool(_amount_mismatch(payment))
    _record_state(payment, gateway_payment, source, is_signed=is_signed)
    if payment.is_captured and not was_captured and payment.disposition == Disposition.REFUND_DUE:
        # Its booking ended before this report, when there was nothing to refund yet.
        _request_full_refund(payment, gateway_payment, Refund.Source.CANCELLED, reason=payment.review_reason)
    elif payment.disposition == Disposition.REVIEW and had_mismatch and not _amount_mismatch(payment):
        _accept_explained_amount(account, payment, source)
    else:
        _decide(account, payment, gateway_payment, source)
    return payment


def _get_or_create_payment(account: LockedAccount, gateway_payment: GatewayPayment) -> Payment:
    payment, _ = Payment.objects.select_for_update(no_key=True).get_or_create(
        razorpay_payment_id=gateway_payment.payment_id,
        defaults={
            "order": account.order,
            "booking": account.booking,
            "amount_minor": gateway_payment.amount_minor,
            "currency": gateway_payment.currency,
        },
    )
    return payment


def _record_state(payment: Payment, gateway_payment: GatewayPayment, source: str, *, is_signed: bool) -> None:
    now = database_now()
    if is_signed and payment.signature_verified_at is None:
        payment.signature_verified_at = now
    if gateway_payment.was_captured and payment.captured_at is None:
        payment.captured_at = now
    payment.paid_at = gateway_payment.created_at or payment.paid_at or now
    payment.method = gateway_payment.method or payment.method
    if not is_signed:  # a signature does not cover the amount: the gateway's own report replaces the assumed one
        _record_amount(payment, gateway_payment)
    payment.save(
        update_fields=[
            "signature_verified_at",
            "captured_at",
            "paid_at",
            "method",
            "amount_minor",
            "customer_fee_minor",
            "currency",
        ]
    )
    has_advanced = advance_payment(payment, gateway_payment.state, source=source, note=gateway_payment.error)
    if not has_advanced:
        return
    has_failed = gateway_payment.state == State.FAILED
    payment.error = gateway_payment.error if has_failed else ""
    payment.save(update_fields=["error"])
    if has_failed:
        payment_failed.send(sender=Payment, payment=payment)


def _record_amount(payment: Payment, gateway_payment: GatewayPayment) -> None:
    fee_minor = gateway_payment.fee_on_top_of(payment.order)
    if fee_minor or gateway_payment.amount_minor != payment.amount_minor:  # a late report of an early state has no fee
        payment.customer_fee_minor = fee_minor
    payment.amount_minor, payment.currency = gateway_payment.amount_minor, gateway_payment.currency


def _decide(account: LockedAccount, payment: Payment, gateway_payment: GatewayPayment, source: str) -> None:
    """Decide what the money is for. It stands, unless an uncaptured payment is returned or the amount is wrong."""
    is_returned_uncaptured = payment.state == State.REFUNDED and not payment.is_captured
    if payment.disposition == Disposition.CONFIRMS and is_returned_uncaptured:
        reason = "The booking is active, but its payment was never captured and was returned to the customer."
        set_disposition(payment, Disposition.REVIEW, source=source, reason=reason)
    elif payment.disposition == Disposition.CONFIRMS and payment.reviewed_at is None:
        if mismatch := _amount_mismatch(payment):
            set_disposition(payment, Disposition.REVIEW, source=source, reason=mismatch)
    elif payment.disposition == Disposition.NONE and not is_returned_uncaptured and payment.is_proven:
        _assign(account, payment, gateway_payment, source)


def _assign(account: LockedAccount, payment: Payment, gateway_payment: GatewayPayment, source: str) -> None:
    if mismatch := _amount_mismatch(payment):
        set_disposition(payment, Disposition.REVIEW, source=source, reason=mismatch)
        return
    is_paid = Payment.objects.filter(booking=account.booking, disposition=Disposition.CONFIRMS).exists()
    is_refunded = gateway_payment.refunded_minor >= payment.credited_minor
    if not is_paid and not is_refunded and accept_payment(booking_id=account.booking.pk, actor=GATEWAY_ACTOR):
        set_disposition(payment, Disposition.CONFIRMS, source=source)
        mark_paid(account.order)
    elif payment.is_captured:
        cause = Refund.Source.DUPLICATE if is_paid else Refund.Source.LATE
        set_disposition(payment, Disposition.REFUND_DUE, source=source)
        mark_paid(account.order)
        _request_full_refund(payment, gateway_payment, cause)
    # A payment that is only authorised and pays for nothing is returned by the gateway, without a fee.


def _request_full_refund(
    payment: Payment, gateway_payment: GatewayPayment, cause: Refund.Source, reason: str = ""
) -> None:
    amount_minor = payment.credited_minor - gateway_payment.refunded_minor - payment.lost_minor()
    refund_automatically(payment, amount_minor=amount_minor, cause=cause, actor=GATEWAY_ACTOR, reason=reason)


def _accept_explained_amount(account: LockedAccount, payment: Payment, source: str) -> None:
    """Close the review of an amount that the gateway's fee explains, now that it is known.

    The payment stays under review if staff have decided about it before, or if its booking has ended since.
    """
    is_open = payment.reviewed_at is None and payment.is_proven and payment.state != State.REFUNDED
    if is_open and pay_for_booking(payment, GATEWAY_ACTOR):
        set_disposition(payment, Disposition.CONFIRMS, source=source)
        mark_paid(account.order)


def pay_for_booking(payment: Payment, actor: Actor) -> bool:
    """Let a locked payment pay for its booking if that stands or can be reinstated; return whether it does."""
    is_paid = Payment.objects.filter(booking=payment.booking_id, disposition=Disposition.CONFIRMS).exists()
    is_payable = payment.booking.status in Booking.PAYABLE
    return not is_paid and (is_payable or accept_payment(booking_id=payment.booking_id, actor=actor))


def _amount_mismatch(payment: Payment) -> str:
    order = payment.order
    if (payment.credited_minor, payment.currency) == (order.amount_minor, order.currency):
        return ""
    order_amount, paid_amount = (format_money(row.amount_minor, row.currency) for row in (order, payment))
    return f"The order was for {order_amount}, but {paid_amount} was paid."


def mark_paid(order: PaymentOrder) -> None:
    """Mark a locked order as paid, and make it due for a poll immediately."""
    order.state, order.next_check_at = PaymentOrder.State.PAID, database_now()
    order.save(update_fields=["state", "next_check_at", "updated_at"])


@transaction.atomic
def settle_refund(*, payment_pk: int, gateway_refund: GatewayRefund, source: str) -> Refund | None:
    """Record the reported state of a refund of this payment. If we did not request the refund, create its row.

    Do nothing if the payment was never captured: the gateway returns it as a refund, but we have received nothing.
    """
    payment = lock_payment(payment_pk)
    if not payment.is_captured:
        return None
    refund = _get_or_create_refund(payment, gateway_refund)
    refund.razorpay_refund_id = gateway_refund.refund_id
    refund.refunded_at = gateway_refund.created_at or refund.refunded_at or database_now()
    was_processed = refund.state == Refund.State.PROCESSED
    if not advance_refund(refund, gateway_refund.state, source=source):
        return refund
    if gateway_refund.state == Refund.State.PROCESSED:
        refund_processed.send(sender=Refund, refund=refund)
        _close_if_fully_refunded(payment, source)
    elif gateway_refund.state == Refund.State.FAILED:
        flag_failed_refund(payment, refund, source=source, was_processed=was_processed)
    return refund


def _get_or_create_refund(payment: Payment, gateway_refund: GatewayRefund) -> Refund:
    identity = Q(razorpay_refund_id=gateway_refund.refund_id)
    if _is_uuid(gateway_refund.receipt):
        identity |= Q(pk=gateway_refund.receipt, amount_minor=gateway_refund.amount_minor)
    known_refund = Refund.objects.select_for_update(no_key=True).filter(identity, payment=payment).first()
    return known_refund or Refund.objects.create(
        payment=payment,
        amount_minor=gateway_refund.amount_minor,
        currency=gateway_refund.currency,
        source=Refund.Source.EXTERNAL,
        requested_by=str(GATEWAY_ACTOR),
    )


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _close_if_fully_refunded(payment: Payment, source: str) -> None:
    is_pending = payment.refunds.filter(state__in=Refund.UNSETTLED).exists()
    if payment.is_captured and payment.refundable_minor() <= 0 and not is_pending:
        advance_payment(payment, State.REFUNDED, source=source)
