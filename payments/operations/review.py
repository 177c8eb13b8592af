"""Decide on payments that need review."""

from __future__ import annotations

from django.db import models, transaction

from foundation.clock import database_now
from foundation.events import Actor
from payments.exceptions import ReviewNotPossible
from payments.ledger import lock_payment, request_refund, set_disposition
from payments.models import Payment, Refund
from payments.operations.settle import pay_for_booking


class ReviewDecision(models.TextChoices):
    REFUND_ALL = "pay_back", "Refund the remaining amount"
    APPLY_TO_BOOKING = "use", "Apply it to the booking"
    CLOSE = "noted", "It was handled elsewhere"


@transaction.atomic
def decide_review(*, payment_id: int, decision: ReviewDecision, note: str, actor: Actor) -> Payment:
    """Carry out a decision on a payment that needs review; later gateway states do not reopen it.

    Raises ReviewNotPossible.
    """
    payment = lock_payment(payment_id)
    if payment.disposition != Payment.Disposition.REVIEW:
        raise ReviewNotPossible("This payment has already been reviewed.")
    if decision == ReviewDecision.REFUND_ALL:
        _refund_all(payment, actor, note)
    elif decision == ReviewDecision.APPLY_TO_BOOKING:
        _apply_to_booking(payment, actor, note)
    else:
        set_disposition(payment, Payment.Disposition.CLOSED, source=str(actor), reason=note)
    payment.reviewed_at = database_now()
    payment.save(update_fields=["reviewed_at"])
    return payment


def _refund_all(payment: Payment, actor: Actor, note: str) -> None:
    amount_minor = payment.refundable_minor()
    if amount_minor <= 0:
        raise ReviewNotPossible("This payment has nothing left to refund.")
    if payment.has_open_dispute() and not note.strip():
        raise ReviewNotPossible("This payment is disputed. Give a reason for the refund.")
    set_disposition(payment, Payment.Disposition.REFUND_DUE, source=str(actor), reason=note)
    request_refund(payment, amount_minor=amount_minor, cause=Refund.Source.STAFF, actor=actor, reason=note)


def _apply_to_booking(payment: Payment, actor: Actor, note: str) -> None:
    if not payment.is_captured or payment.refundable_minor() <= 0:
        raise ReviewNotPossible("This payment was not captured or has been refunded, so it cannot pay for a booking.")
    if payment.currency != payment.booking.currency:
        raise ReviewNotPossible(
            f"The booking is priced in {payment.booking.currency}, and this payment is in {payment.currency}. "
            "Refund the payment instead."
        )
    if not pay_for_booking(payment, actor):
        raise ReviewNotPossible(
            "The booking is already paid, or its slot is no longer free. Refund the payment instead."
        )
    set_disposition(payment, Payment.Disposition.CONFIRMS, source=str(actor), reason=note)
