"""What follows from what happened. The one file of notifications that listens; it only writes rows."""

from typing import Any

from django.dispatch import receiver

from bookings.events import booking_cancelled, booking_completed, booking_confirmed, booking_requested
from bookings.models import Booking, BookingEvent
from notifications.messages import Money
from notifications.outbox import queue_messages
from payments.events import payment_failed, refund_processed, refund_requested
from payments.models import Payment, Refund


@receiver(booking_requested)
def tell_booking_requested(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    queue_messages(kind="booking_requested", booking=booking, cause=str(event.pk))


@receiver(booking_confirmed)
def tell_booking_confirmed(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    queue_messages(kind="booking_confirmed", booking=booking, cause=str(event.pk))


@receiver(booking_completed)
def tell_booking_completed(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    queue_messages(kind="booking_completed", booking=booking, cause=str(event.pk))


@receiver(booking_cancelled)
def tell_booking_cancelled(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    queue_messages(kind="booking_cancelled", booking=booking, cause=str(event.pk))


@receiver(payment_failed)
def tell_payment_failed(payment: Payment, **kwargs: Any) -> None:
    # Once per booking, and only while it can still be paid: nobody wants to hear of each attempt.
    if payment.booking.status == Booking.Status.HELD:
        queue_messages(kind="payment_failed", booking=payment.booking, cause=f"{payment.booking_id} failed")


@receiver(refund_requested)
def tell_refund_requested(refund: Refund, **kwargs: Any) -> None:
    _tell_of_refund("refund_requested", refund)


@receiver(refund_processed)
def tell_refund_processed(refund: Refund, **kwargs: Any) -> None:
    _tell_of_refund("refund_processed", refund)


def _tell_of_refund(kind: str, refund: Refund) -> None:
    money = Money(refund.amount_minor, refund.currency)
    queue_messages(kind=kind, booking=refund.payment.booking, cause=f"{refund.pk} {kind}", money=money)
