"""Refund payments at the request of staff."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from bookings.operations import cancel_booking
from foundation.events import Actor
from payments.balance import refundable_by_staff
from payments.exceptions import FormAlreadySent, PaymentDisputed, RefundTooLarge
from payments.ledger import lock_payment, request_refund, set_disposition
from payments.models import Payment, Refund


@transaction.atomic
def refund_payment(
    *,
    payment_id: int,
    amount_minor: int,
    key: UUID,
    actor: Actor,
    reason: str = "",
    cancels_booking: bool = False,
    is_by_manager: bool = False,
) -> Refund:
    """Request a refund; the worker calls the gateway. The same ``key`` returns the same refund.

    ``cancels_booking`` also cancels the booking; otherwise it stays active. Raises RefundTooLarge, PaymentDisputed,
    FormAlreadySent, or InvalidTransition for a booking that cannot be cancelled.
    """
    payment = lock_payment(payment_id)
    if (existing := Refund.objects.filter(pk=key).first()) is not None:
        if existing.payment_id != payment.pk:
            raise FormAlreadySent
        return existing
    refundable_minor = refundable_by_staff(payment)
    if not 0 < amount_minor <= refundable_minor:
        raise RefundTooLarge(refundable_minor, payment.currency)
    if payment.has_open_dispute() and not (is_by_manager and reason.strip()):
        raise PaymentDisputed
    refund = request_refund(
        payment, amount_minor=amount_minor, cause=Refund.Source.STAFF, actor=actor, reason=reason, key=key
    )
    if cancels_booking:
        cancel_booking(booking_id=payment.booking_id, actor=actor)
        payment.refresh_from_db(fields=["disposition", "review_reason"])
        if payment.disposition == Payment.Disposition.REVIEW:  # staff chose the amount when they cancelled
            reason = "The rest was kept deliberately."
            set_disposition(payment, Payment.Disposition.CLOSED, source=str(actor), reason=reason)
    return refund
