"""The one way in for what the gateway says of money, whoever brings it: verify-payment, a webhook, a check, a person.

Facts come doubled, late and in any order: what they say only ever moves forward. What follows from them is decided in
the transaction that records them, so captured money is never in limbo: it pays the booking, or it goes back, or
somebody has to look.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from bookings.operations import accept_payment
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
    request_refund,
    set_disposition,
)
from payments.models import Payment, PaymentOrder, Refund

GATEWAY_ACTOR = Actor(ActorKind.GATEWAY, "Razorpay")

State, Disposition = Payment.State, Payment.Disposition


@transaction.atomic
def settle_payment(*, order_id: UUID, facts: GatewayPayment, source: str, is_signed: bool = False) -> Payment:
    """Record what the gateway says of a payment, and decide what its money is for; a repeat changes nothing.

    ``is_signed``: the gateway's signature proves that it authorised this payment of this order. Raises PaymentMismatch
    for a payment of another order.
    """
    account = lock_account(order_id)
    payment = _find_payment(account, facts)
    if payment.order_id != account.order.pk:
        raise PaymentMismatch("That payment belongs to another order.")
    _take_in(payment, facts, source, is_signed=is_signed)
    _settle(account, payment, facts, source)
    return payment


def _find_payment(account: LockedAccount, facts: GatewayPayment) -> Payment:
    payment, _ = Payment.objects.select_for_update(no_key=True).get_or_create(
        razorpay_payment_id=facts.payment_id,
        defaults={
            "order": account.order,
            "booking": account.booking,
            "amount_minor": facts.amount_minor,
            "currency": facts.currency,
        },
    )
    return payment


def _take_in(payment: Payment, facts: GatewayPayment, source: str, *, is_signed: bool) -> None:
    now = timezone.now()
    if is_signed and payment.signature_verified_at is None:
        payment.signature_verified_at = now
    if facts.was_captured and payment.captured_at is None:
        payment.captured_at = now
    payment.method = facts.method or payment.method
    payment.error = facts.error if facts.state == State.FAILED else payment.error
    if not is_signed:  # a signature names no amount: the gateway's own word replaces what it implied
        payment.amount_minor, payment.currency = facts.amount_minor, facts.currency
    payment.save(update_fields=["signature_verified_at", "captured_at", "method", "error", "amount_minor", "currency"])
    moved = advance_payment(payment, facts.state, source=source, note=facts.error)
    if moved and facts.state == State.FAILED:
        payment_failed.send(sender=Payment, payment=payment)


def _settle(account: LockedAccount, payment: Payment, facts: GatewayPayment, source: str) -> None:
    """Decide what the money is for. What has been decided stays, unless the money turns out never to have been ours."""
    went_back_uncaptured = payment.state == State.REFUNDED and not payment.is_captured
    if payment.disposition == Disposition.CONFIRMS and went_back_uncaptured:
        reason = "The booking stands, but its money was never captured and has gone back to the payer."
        set_disposition(payment, Disposition.REVIEW, source=source, reason=reason)
    elif payment.disposition == Disposition.CONFIRMS and (fault := _mismatch(account.order, payment)):
        set_disposition(payment, Disposition.REVIEW, source=source, reason=fault)
    elif payment.disposition == Disposition.NONE and not went_back_uncaptured and payment.is_proven:
        _place(account, payment, facts, source)


def _place(account: LockedAccount, payment: Payment, facts: GatewayPayment, source: str) -> None:
    if fault := _mismatch(account.order, payment):
        set_disposition(payment, Disposition.REVIEW, source=source, reason=fault)
        return
    is_paid = Payment.objects.filter(booking=account.booking, disposition=Disposition.CONFIRMS).exists()
    has_gone_back = facts.refunded_minor >= payment.amount_minor
    if not is_paid and not has_gone_back and accept_payment(booking_id=account.booking.pk, actor=GATEWAY_ACTOR):
        set_disposition(payment, Disposition.CONFIRMS, source=source)
        mark_paid(account.order)
    elif payment.is_captured:
        cause = Refund.Source.DUPLICATE if is_paid else Refund.Source.LATE
        set_disposition(payment, Disposition.REFUND_DUE, source=source)
        mark_paid(account.order)
        owed = payment.amount_minor - facts.refunded_minor
        if owed > 0:
            request_refund(payment, amount_minor=owed, cause=cause, actor=GATEWAY_ACTOR)
    # Money that is only authorised and has nothing to pay for goes back by itself, without a fee.


def _mismatch(order: PaymentOrder, payment: Payment) -> str:
    if (payment.amount_minor, payment.currency) == (order.amount_minor, order.currency):
        return ""
    asked, paid = (format_money(row.amount_minor, row.currency) for row in (order, payment))
    return f"Asked for {asked}, but paid were {paid}."


def mark_paid(order: PaymentOrder) -> None:
    """Close a locked order for further attempts, and have it looked at once more at once."""
    order.state, order.next_check_at = PaymentOrder.State.PAID, timezone.now()
    order.save(update_fields=["state", "next_check_at", "updated_at"])


@transaction.atomic
def settle_refund(*, payment_pk: int, facts: GatewayRefund, source: str) -> Refund:
    """Record what the gateway says of a refund of this payment; one that we did not ask for becomes a row too."""
    payment = lock_payment(payment_pk)
    refund = _find_refund(payment, facts)
    refund.razorpay_refund_id = facts.refund_id
    was_processed = refund.state == Refund.State.PROCESSED
    if not advance_refund(refund, facts.state, source=source):
        return refund
    if facts.state == Refund.State.PROCESSED:
        refund_processed.send(sender=Refund, refund=refund)
        _close_if_all_is_back(payment, source)
    elif facts.state == Refund.State.FAILED:
        flag_failed_refund(payment, refund, source=source, was_processed=was_processed)
    return refund


def _find_refund(payment: Payment, facts: GatewayRefund) -> Refund:
    ours = Q(razorpay_refund_id=facts.refund_id)
    if _is_uuid(facts.receipt):
        ours |= Q(pk=facts.receipt, amount_minor=facts.amount_minor)
    known = Refund.objects.select_for_update(no_key=True).filter(ours, payment=payment).first()
    return known or Refund.objects.create(
        payment=payment,
        amount_minor=facts.amount_minor,
        currency=facts.currency,
        source=Refund.Source.EXTERNAL,
        requested_by=str(GATEWAY_ACTOR),
    )


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _close_if_all_is_back(payment: Payment, source: str) -> None:
    is_under_way = payment.refunds.filter(state__in=Refund.UNSETTLED).exists()
    if payment.is_captured and payment.refundable_minor() <= 0 and not is_under_way:
        advance_payment(payment, State.REFUNDED, source=source)
