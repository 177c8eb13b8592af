"""The registry of message kinds. To add a kind, add a value and an entry here, and its folder of message templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db import models

from bookings.models import Booking, BookingEvent
from foundation.clock import database_now

Event, Status = BookingEvent.Kind, Booking.Status


# A reminder is left out if the customer has received a message with the same details less than this before.
REMINDER_GAP = timedelta(minutes=30)


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
class Change:
    """The booking events that cause a message: those of ``kinds`` with one of the statuses; empty allows any."""

    kinds: Sequence[BookingEvent.Kind]
    from_statuses: Sequence[Booking.Status] = ()
    to_statuses: Sequence[Booking.Status] = ()

    def includes(self, kind: str, from_status: str, to_status: str) -> bool:
        """Return whether an event with these values is such a change."""
        return (
            kind in self.kinds
            and (not self.from_statuses or from_status in self.from_statuses)
            and (not self.to_statuses or to_status in self.to_statuses)
        )


class Topic(Enum):
    """What a message is about. A change to it supersedes the earlier messages on this topic."""

    BOOKING = "booking"
    REFUND = "refund"  # each refund is a topic of its own


@dataclass(frozen=True)
class KindSpec:
    """The properties of a message kind.

    ``expires_at``: after that time the message is no longer sent. ``change``: what causes it; without a change, other
    code queues it. ``topic``: which changes supersede it.
    ``resend_if_unknown``: an e-mail whose outcome is unknown is sent once more, with the same Message-ID, instead of
    being put on hold for a person.
    ``is_rendered_when_sent``: it is planned ahead, so it is rendered with the data of the time when it is sent.
    """

    expires_at: Callable[[Booking], datetime]
    change: Change | None = None
    topic: Topic = Topic.BOOKING
    resend_if_unknown: bool = False
    is_rendered_when_sent: bool = False


def _visit_start(booking: Booking) -> datetime:
    return booking.starts_at


def _visit_end(booking: Booking) -> datetime:
    return booking.ends_at


def _three_days_later(booking: Booking) -> datetime:
    return max(booking.ends_at, database_now()) + timedelta(days=3)


# Holds send no messages, neither when they are created nor when they expire or are cancelled: the phone number is
# unverified, and each message costs money.
KINDS: dict[MessageKind, KindSpec] = {
    MessageKind.BOOKING_REQUESTED: KindSpec(
        _visit_end, Change([Event.CREATED, Event.PAID], to_statuses=[Status.PENDING])
    ),
    MessageKind.BOOKING_CONFIRMED: KindSpec(
        _visit_end, Change([Event.CREATED, Event.CONFIRMED, Event.PAID], to_statuses=[Status.CONFIRMED])
    ),
    MessageKind.BOOKING_COMPLETED: KindSpec(_three_days_later, Change([Event.COMPLETED])),
    MessageKind.BOOKING_DECLINED: KindSpec(_visit_end, Change([Event.DECLINED])),
    MessageKind.BOOKING_UNANSWERED: KindSpec(_visit_end, Change([Event.UNANSWERED])),
    MessageKind.BOOKING_RESCHEDULED: KindSpec(_visit_end, Change([Event.RESCHEDULED])),
    MessageKind.BOOKING_CANCELLED: KindSpec(
        _visit_end, Change([Event.CANCELLED], from_statuses=[Status.PENDING, Status.CONFIRMED])
    ),
    MessageKind.BOOKING_MISSED: KindSpec(_three_days_later, Change([Event.NO_SHOW])),
    MessageKind.BOOKING_REMINDER: KindSpec(_visit_start, is_rendered_when_sent=True),
    MessageKind.PAYMENT_FAILED: KindSpec(_visit_end),
    MessageKind.REFUND_REQUESTED: KindSpec(_three_days_later, topic=Topic.REFUND),
    MessageKind.REFUND_PROCESSED: KindSpec(_three_days_later, topic=Topic.REFUND),
}


def kinds_about(topic: Topic) -> list[MessageKind]:
    """Return the message kinds on this topic."""
    return [kind for kind, spec in KINDS.items() if spec.topic is topic]


def kinds_caused_by(kind: str, from_status: str, to_status: str) -> list[MessageKind]:
    """Return the messages that a booking event with these values causes.

    Receivers queue messages by this rule, and the invariants search for missing and unexpected ones by it.
    """
    return [
        message_kind
        for message_kind, spec in KINDS.items()
        if spec.change is not None and spec.change.includes(kind, from_status, to_status)
    ]
