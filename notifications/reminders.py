"""Reminders: planned when a booking is confirmed. A change of the booking supersedes them, and plans others."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from bookings.models import Booking, BookingEvent
from foundation.clock import database_now
from notifications.messages.kinds import REMINDER_GAP, MessageKind
from notifications.models import Notification, ReminderSettings
from notifications.outbox import Cause, lock_unsent_messages, mark_superseded, queue_messages

Status = Notification.Status


def plan_reminders(booking: Booking, event: BookingEvent) -> None:
    """Queue the reminders of a booking that ``event`` has confirmed or rescheduled.

    Those that would soon follow the message about the event are left out: it says the same.
    """
    # These settings may be changed back before the next comparison, which would then find no difference.
    followed = ReminderSettings.objects.filter(service=booking.service)
    followed.exclude(minutes=booking.service.reminder_minutes).replan()
    earliest = database_now() + REMINDER_GAP
    for due_at, expires_at in reminder_times(booking).items():
        if due_at >= earliest:
            _queue_reminder(booking, event, due_at, expires_at)


def replan_reminders(booking: Booking, *, revision: int) -> None:
    """Let the planned reminders of a locked booking follow the settings of its service. Repeating it changes nothing.

    ``revision`` is the number of the change of the settings: a reminder may be planned again for the same time.
    """
    unsent = lock_unsent_messages(booking.pk)
    times = reminder_times(booking)
    planned = Notification.objects.filter(booking=booking, kind=MessageKind.BOOKING_REMINDER, superseded_at=None)
    mark_superseded(planned.filter(pk__in=unsent).exclude(planned_at__in=times))
    planned_times = set(planned.values_list("planned_at", flat=True))
    event = booking.events.get(seq=booking.version)
    for due_at, expires_at in times.items():
        if due_at in planned_times:
            planned.filter(planned_at=due_at, status=Status.QUEUED).update(expires_at=expires_at)
        elif due_at > database_now():
            _queue_reminder(booking, event, due_at, expires_at, revision)


def reminder_times(booking: Booking) -> dict[datetime, datetime]:
    """Return when each reminder is due, and when it expires: when the next one is due, the last one at the visit."""
    minutes_before = sorted(set(booking.service.reminder_minutes), reverse=True)
    due_times = [booking.starts_at - timedelta(minutes=minutes) for minutes in minutes_before]
    return dict(pairwise([*due_times, booking.starts_at]))


def _queue_reminder(
    booking: Booking, event: BookingEvent, due_at: datetime, expires_at: datetime, revision: int = 0
) -> None:
    queue_messages(
        kind=MessageKind.BOOKING_REMINDER,
        booking=booking,
        cause=Cause(f"{event.pk} {due_at:%Y%m%dT%H%MZ}{f' {revision}' if revision else ''}"),
        due_at=due_at,
        expires_at=expires_at,
    )
