"""Reminders: planned when a booking is confirmed. A change of the booking supersedes them, and plans others."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from django.utils import timezone

from bookings.models import Booking, BookingEvent
from notifications.messages.kinds import MessageKind
from notifications.outbox import Cause, queue_messages


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
