"""Refund the payments of cancelled, declined and unanswered bookings, or flag them for review."""

from typing import Any

from django.dispatch import receiver

from bookings.events import booking_cancelled, booking_declined, booking_unanswered
from bookings.models import Booking, BookingEvent
from foundation.events import Actor, ActorKind
from payments.ledger import lock_payment, refund_automatically, set_disposition
from payments.models import Payment, Refund
from payments.refund_policy import grants_full_refund

Disposition = Payment.Disposition
SYSTEM = Actor(ActorKind.SYSTEM)


@receiver([booking_declined, booking_unanswered])
def refund_refused_booking(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    """Refund the payment in full: the business did not accept the booking, or the time that its customer chose later.

    If the customer was too late to cancel when choosing that time, flag what is left of the payment for review.
    """
    ending = f"Booking {event.get_kind_display().lower()}."
    for payment in _lock_confirming_payments(booking):
        if not grants_full_refund(booking, event) and not _is_fully_refunded(payment):
            reason = f"{ending} Its customer had rescheduled it when it was too late to cancel."
            set_disposition(payment, Disposition.REVIEW, source=event.actor, reason=reason)
        else:
            _refund_all(payment, ending)


@receiver(booking_cancelled)
def refund_or_review_cancelled_booking(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    """Refund the payment in full if the customer cancelled before the cutoff. Otherwise flag it for review."""
    for payment in _lock_confirming_payments(booking):
        if grants_full_refund(booking, event):
            _refund_all(payment, "Cancelled by the customer in time.")
        elif _is_fully_refunded(payment):
            _refund_all(payment, "Cancelled by staff after a refund in full.")
        else:
            reason = "The booking was cancelled by staff."
            set_disposition(payment, Disposition.REVIEW, source=event.actor, reason=reason)


def _lock_confirming_payments(booking: Booking) -> list[Payment]:
    keys = Payment.objects.filter(booking=booking, disposition=Disposition.CONFIRMS).values_list("pk", flat=True)
    return [lock_payment(key) for key in keys]


def _is_fully_refunded(payment: Payment) -> bool:
    return payment.is_captured and payment.refundable_minor() <= 0


def _refund_all(payment: Payment, reason: str) -> None:
    """Request a refund of what is left. Settle requests it if the payment has not been captured yet."""
    set_disposition(payment, Disposition.REFUND_DUE, source=str(SYSTEM), reason=reason)
    amount_minor, cause = payment.refundable_minor(), Refund.Source.CANCELLED
    refund_automatically(payment, amount_minor=amount_minor, cause=cause, actor=SYSTEM, reason=reason)
