"""Rules for the requested time of a new booking or a reschedule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from bookings.exceptions import OutsideHours, SlotTaken
from bookings.models import Booking, Resource, Service
from bookings.scheduling.alternatives import find_alternatives
from foundation.clock import database_now
from foundation.database_errors import violated_constraint
from foundation.events import Actor

BOOKING_HORIZON = timedelta(days=5 * 366)


@contextmanager
def translate_slot_conflicts(
    service: Service,
    starts_at: datetime,
    resource: Resource | None,
    party_size: int,
    current_booking: Booking | None = None,
) -> Iterator[None]:
    """Turn every slot conflict in the block into ``SlotTaken`` with alternatives, and roll the block back.

    Among the alternatives, the slot of ``current_booking`` counts as free.
    """
    try:
        with transaction.atomic():
            yield
    except SlotTaken as refusal:
        raise SlotTaken(find_alternatives(service, starts_at, resource, party_size, current_booking)) from refusal
    except IntegrityError as error:
        if violated_constraint(error) != "no_double_booking":
            raise
        raise SlotTaken(find_alternatives(service, starts_at, resource, party_size, current_booking)) from error


def check_start_time(service: Service, starts_at: datetime, actor: Actor) -> None:
    """Raise OutsideHours for a time in the past or over five years ahead.

    Customers must also observe the service's minimum notice and horizon; staff may book a visit that is under way.
    """
    now = database_now()
    if starts_at > now + BOOKING_HORIZON:
        raise OutsideHours("Bookings can be made up to five years ahead. Pick an earlier time.")
    if not actor.is_customer:
        if service.ends_at(starts_at) <= now:
            raise OutsideHours("This time is in the past. Pick a later one.")
        return
    if starts_at < now + timedelta(minutes=service.min_notice_minutes):
        raise OutsideHours("This time is in the past or too soon. Pick a later one.")
    if starts_at > now + timedelta(days=service.horizon_days):
        raise OutsideHours(f"This service can be booked up to {service.horizon_days} days ahead. Pick an earlier time.")


def response_deadline(service: Service, starts_at: datetime) -> datetime:
    """Return when a request expires: ``answer_minutes`` from now, but no later than the start of the visit.

    If staff rescheduled the request to a visit that has already started, no later than the end of the visit.
    """
    now = database_now()
    latest = starts_at if starts_at > now else service.ends_at(starts_at)
    return min(now + timedelta(minutes=service.answer_minutes), latest)
