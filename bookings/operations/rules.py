"""What holds of every time that is asked for, by a new booking or by one that moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from bookings.exceptions import OutsideHours, SlotTaken
from bookings.models import Resource, Service
from bookings.scheduling.availability import find_alternatives
from foundation.events import Actor

BOOKING_HORIZON = timedelta(days=5 * 366)


@contextmanager
def translate_slot_conflicts(
    service: Service, starts_at: datetime, resource: Resource | None, people: int
) -> Iterator[None]:
    """Let every way in which a time turns out to be taken end in one SlotTaken, with what is free instead."""
    try:
        with transaction.atomic():
            yield
    except SlotTaken as refusal:
        raise SlotTaken(find_alternatives(service, starts_at, resource, people)) from refusal
    except IntegrityError as error:
        if "no_double_booking" not in str(error):
            raise
        raise SlotTaken(find_alternatives(service, starts_at, resource, people)) from error


def check_start_time(service: Service, starts_at: datetime, actor: Actor) -> None:
    """Raise OutsideHours for a time that is over or years ahead; for customers also if it is too near or too far."""
    now = timezone.now()
    if starts_at > now + BOOKING_HORIZON:
        raise OutsideHours("Nothing can be booked more than five years ahead. Pick an earlier time.")
    if not actor.is_customer:
        if service.ends_at(starts_at) <= now:
            raise OutsideHours("That time has passed. Pick a later one.")
        return
    if starts_at < now + timedelta(minutes=service.min_notice_minutes):
        raise OutsideHours("That time has passed or is too close. Pick a later one.")
    if starts_at > now + timedelta(days=service.horizon_days):
        raise OutsideHours(
            f"This service can be booked at most {service.horizon_days} days ahead. Pick an earlier time."
        )


def response_deadline(service: Service, starts_at: datetime) -> datetime:
    """Return until when staff may answer a request: as long as the service gives them, and not past the visit.

    Where staff have moved it to a time that has begun, until it ends.
    """
    now = timezone.now()
    last = starts_at if starts_at > now else service.ends_at(starts_at)
    return min(now + timedelta(minutes=service.answer_minutes), last)
