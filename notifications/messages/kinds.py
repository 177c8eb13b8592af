"""Message kinds: until when each is worth sending, and what to do if its outcome is unknown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from bookings.models import Booking


@dataclass(frozen=True)
class Kind:
    """What holds for every message of a kind.

    ``useful_until``: after that time it is not sent any more. ``twice_beats_never``: an e-mail of which nobody knows
    whether it was sent is sent once more, under the same Message-ID, instead of being held for a person.
    """

    useful_until: Callable[[Booking], datetime]
    twice_beats_never: bool = False


def _the_visits_start(booking: Booking) -> datetime:
    return booking.starts_at


def _the_visits_end(booking: Booking) -> datetime:
    return booking.ends_at


def _three_days_on(booking: Booking) -> datetime:
    return max(booking.ends_at, timezone.now()) + timedelta(days=3)


KINDS = {
    "booking_requested": Kind(_the_visits_end),
    "booking_confirmed": Kind(_the_visits_end),
    "booking_completed": Kind(_three_days_on),
    "booking_declined": Kind(_the_visits_end),
    "booking_unanswered": Kind(_the_visits_end),
    "booking_rescheduled": Kind(_the_visits_end),
    "booking_cancelled": Kind(_the_visits_end),
    "booking_missed": Kind(_three_days_on),
    "booking_reminder": Kind(_the_visits_start),
    "payment_failed": Kind(_the_visits_end),
    "refund_requested": Kind(_three_days_on),
    "refund_processed": Kind(_three_days_on),
}
