"""What follows from what happened. The one file of notifications that listens; it only writes rows."""

from typing import Any

from django.dispatch import receiver

from bookings.events import booking_completed, booking_confirmed, booking_requested
from bookings.models import Booking, BookingEvent
from notifications.outbox import queue_messages


@receiver(booking_requested)
def tell_booking_requested(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    queue_messages(kind="booking_requested", booking=booking, event=event)


@receiver(booking_confirmed)
def tell_booking_confirmed(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    queue_messages(kind="booking_confirmed", booking=booking, event=event)


@receiver(booking_completed)
def tell_booking_completed(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    queue_messages(kind="booking_completed", booking=booking, event=event)
