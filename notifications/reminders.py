"""Reminders: planned when a booking is confirmed, and planned again or cancelled when it changes."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from django.db.models.functions import Now
from django.utils import timezone

from bookings.models import Booking, BookingEvent
from notifications.messages.kinds import MessageKind
from notifications.models import Notification
from notifications.outbox import Cause, queue_messages

Status = Notification.Status


def plan_reminders(booking: Booking, event: BookingEvent) -> None:
    """Queue the reminders that are not due yet. Each expires when the next one is due, the last one at the visit."""
    minutes_before = sorted(set(booking.service.reminder_minutes), reverse=True)
    due_times = [booking.starts_at - timedelta(minutes=minutes) for minutes in minutes_before]
    for due_at, expires_at in pairwise([*due_times, booking.starts_at]):
        if due_at > timezone.now():
            queue_messages(
                kind=MessageKind.BOOKING_REMINDER,
                booking=booking,
                cause=Cause(f"{event.pk} {due_at:%Y%m%dT%H%MZ}"),
                due_at=due_at,
                expires_at=expires_at,
            )


def cancel_reminders(booking: Booking) -> None:
    """Cancel the superseded reminders: the visit is over, cancelled or rescheduled, and they have not been sent."""
    reminders = Notification.objects.filter(booking=booking, kind=MessageKind.BOOKING_REMINDER)
    planned = reminders.filter(status__in=Notification.ALLOWED_PREDECESSORS[Status.CANCELLED])
    planned.update(status=Status.CANCELLED, error="The visit is over, or was cancelled or rescheduled.", due_at=Now())
    # A reminder that is being sent must not be queued again if sending fails.
    reminders.filter(status__in=[Status.SENDING, Status.UNKNOWN]).update(expires_at=Now())
