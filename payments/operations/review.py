"""Decide about payments that need review."""

from __future__ import annotations

from django.db import models, transaction

from bookings.models import Booking
from bookings.operations import accept_payment
from foundation.events import Actor
from payments.exceptions import (
    ReviewNotPossible,
)
from payments.ledger import lock_payment, request_refund, set_disposition
from payments.models import Payment, Refund


class ReviewDecision(models.TextChoices):
    """What a person may decide of money that fits nothing."""

    PAY_BACK = "pay_back", "Pay it all back"
    USE = "use", "Let it pay for the booking"
    NOTED = "noted", "It has been dealt with elsewhere"


@transaction.atomic
def decide_review(*, payment_id: int, resolution: ReviewDecision, note: str, actor: Actor) -> Payment:
    """Carry out what a person decided of a payment in review. Raises NotReviewable if that cannot be."""
    payment = lock_payment(payment_id)
    if payment.disposition != Payment.Disposition.REVIEW:
        raise ReviewNotPossible("Somebody was faster: it needs no decision any more.")
    if resolution == ReviewDecision.PAY_BACK:
        _pay_all_back(payment, actor, note)
    elif resolution == ReviewDecision.USE:
        _use(payment, actor, note)
    else:
        set_disposition(payment, Payment.Disposition.CLOSED, source=str(actor), reason=note)
    return payment


def _pay_all_back(payment: Payment, actor: Actor, note: str) -> None:
    owed = payment.refundable_minor()
    if owed <= 0:
        raise ReviewNotPossible("Nothing of it is left to pay back.")
    set_disposition(payment, Payment.Disposition.REFUND_DUE, source=str(actor), reason=note)
    request_refund(payment, amount_minor=owed, cause=Refund.Source.STAFF, actor=actor, reason=note)


def _use(payment: Payment, actor: Actor, note: str) -> None:
    if not payment.is_captured or payment.refundable_minor() <= 0:
        raise ReviewNotPossible("The money is not ours: it cannot pay for a booking.")
    is_paid = Payment.objects.filter(booking=payment.booking_id, disposition=Payment.Disposition.CONFIRMS).exists()
    is_kept = payment.booking.status in Booking.PAYABLE
    if is_paid or not (is_kept or accept_payment(booking_id=payment.booking_id, actor=actor)):
        raise ReviewNotPossible("The booking is paid already, or its slot is gone. Pay the money back instead.")
    set_disposition(payment, Payment.Disposition.CONFIRMS, source=str(actor), reason=note)
