"""Reminders are rows like any other message: planned with the booking, moved and dropped with it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from django.db.models.functions import Now
from django.utils import timezone

from bookings.models import Booking, BookingEvent
from notifications.models import Notification
from notifications.outbox import queue_messages

KIND = "booking_reminder"
Status = Notification.Status


def plan_reminders(booking: Booking, event: BookingEvent) -> None:
    """Write the reminders that are still to come. Each is of use until the next one, and the last until the visit."""
    before = sorted(set(booking.service.reminder_minutes), reverse=True)
    due = [booking.starts_at - timedelta(minutes=minutes) for minutes in before]
    for due_at, useful_until in pairwise([*due, booking.starts_at]):
        if due_at > timezone.now():
            queue_messages(
                kind=KIND,
                booking=booking,
                cause=f"{event.pk} {due_at:%Y%m%dT%H%MZ}",
                due_at=due_at,
                useful_until=useful_until,
            )


def cancel_reminders(booking: Booking) -> None:
    """Take back the reminders that have not gone out: the visit is over, off, or at another time."""
    reminders = Notification.objects.filter(booking=booking, kind=KIND)
    planned = reminders.filter(status__in=Notification.ALLOWED_PREDECESSORS[Status.CANCELLED])
    planned.update(status=Status.CANCELLED, error="The visit is over, off, or at another time.", due_at=Now())
    # What a provider may have, and may give back, is of no use any more.
    reminders.filter(status__in=[Status.SENDING, Status.UNKNOWN]).update(expires_at=Now())
