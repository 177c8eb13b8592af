"""The registry of message kinds. To add a kind, add a value and an entry here, and its folder of message templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models
from django.dispatch import Signal
from django.utils import timezone

from bookings import events
from bookings.models import Booking, BookingEvent

Event = BookingEvent.Kind


class MessageKind(models.TextChoices):
    BOOKING_REQUESTED = "booking_requested"
    BOOKING_CONFIRMED = "booking_confirmed"
    BOOKING_COMPLETED = "booking_completed"
    BOOKING_DECLINED = "booking_declined"
    BOOKING_UNANSWERED = "booking_unanswered", "Booking not confirmed in time"
    BOOKING_RESCHEDULED = "booking_rescheduled"
    BOOKING_CANCELLED = "booking_cancelled"
    BOOKING_MISSED = "booking_missed"
    BOOKING_REMINDER = "booking_reminder"
    PAYMENT_FAILED = "payment_failed"
    REFUND_REQUESTED = "refund_requested"
    REFUND_PROCESSED = "refund_processed"


@dataclass(frozen=True)
class KindSpec:
    """The properties of a message kind.

    ``expires_at``: after that time the message is no longer sent. ``signal``: the booking event that causes it, with
    the ``event_kinds`` that the signal may carry; without a signal, other code queues it.
    ``resend_if_unknown``: an e-mail whose outcome is unknown is sent once more, with the same Message-ID, instead of
    being put on hold for a person.
    """

    expires_at: Callable[[Booking], datetime]
    signal: Signal | None = None
    event_kinds: tuple[BookingEvent.Kind, ...] = ()
    resend_if_unknown: bool = False


def _visit_start(booking: Booking) -> datetime:
    return booking.starts_at


def _visit_end(booking: Booking) -> datetime:
    return booking.ends_at


def _three_days_later(booking: Booking) -> datetime:
    return max(booking.ends_at, timezone.now()) + timedelta(days=3)


KINDS: dict[MessageKind, KindSpec] = {
    MessageKind.BOOKING_REQUESTED: KindSpec(_visit_end, events.booking_requested, (Event.CREATED, Event.PAID)),
    MessageKind.BOOKING_CONFIRMED: KindSpec(
        _visit_end, events.booking_confirmed, (Event.CREATED, Event.CONFIRMED, Event.PAID)
    ),
    MessageKind.BOOKING_COMPLETED: KindSpec(_three_days_later, events.booking_completed, (Event.COMPLETED,)),
    MessageKind.BOOKING_DECLINED: KindSpec(_visit_end, events.booking_declined, (Event.DECLINED,)),
    MessageKind.BOOKING_UNANSWERED: KindSpec(_visit_end, events.booking_unanswered, (Event.UNANSWERED,)),
    MessageKind.BOOKING_RESCHEDULED: KindSpec(_visit_end, events.booking_rescheduled, (Event.RESCHEDULED,)),
    MessageKind.BOOKING_CANCELLED: KindSpec(_visit_end, events.booking_cancelled, (Event.CANCELLED,)),
    MessageKind.BOOKING_MISSED: KindSpec(_three_days_later, events.booking_missed, (Event.NO_SHOW,)),
    MessageKind.BOOKING_REMINDER: KindSpec(_visit_start),
    MessageKind.PAYMENT_FAILED: KindSpec(_visit_end),
    MessageKind.REFUND_REQUESTED: KindSpec(_three_days_later),
    MessageKind.REFUND_PROCESSED: KindSpec(_three_days_later),
}
