"""Find the free slots that are nearest to a refused one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from math import inf

from bookings.models import Booking, Resource, Service
from bookings.scheduling.availability import SlotSearch
from bookings.scheduling.opening_hours import midnight

MAX_ALTERNATIVES = 3
FIRST_REACH = timedelta(days=3)  # before and after the day of the slot; most calendars have free slots there
GROWTH = 4
ONE_DAY = timedelta(days=1)


def find_alternatives(
    service: Service,
    starts_at: datetime,
    resource: Resource | None,
    party_size: int,
    booking: Booking | None = None,
) -> list[datetime]:
    """Return up to three free start times nearest to a refused slot, in the location's zone and ordered by time.

    All are within the time in which customers can book. For a ``booking`` that is to be rescheduled, they are slots
    other than its own, which counts as free.
    """
    search = SlotSearch(service, resource, party_size, booking)
    excluded = {starts_at.timestamp()}
    if booking is not None and (resource is None or booking.occupies(resource)):
        excluded.add(booking.starts_at.timestamp())
    day = max(search.first_day, min(starts_at.astimezone(service.location.zone).date(), search.last_day))
    first, last, reach = day - FIRST_REACH, day + FIRST_REACH, FIRST_REACH
    starts = [slot.starts_at for slot in search.free_slots(first, last)]
    while True:
        nearest = _nearest([start for start in starts if start.timestamp() not in excluded], starts_at)
        if _is_final(nearest, starts_at, first, last, search):
            return sorted(nearest, key=datetime.timestamp)
        # Search outward in growing steps: a slot that is nearer than the unsearched days ends the search.
        reach *= GROWTH
        further = search.free_slots(first - reach, first - ONE_DAY) + search.free_slots(last + ONE_DAY, last + reach)
        starts += [slot.starts_at for slot in further]
        first, last = first - reach, last + reach


def _nearest(starts: list[datetime], target: datetime) -> list[datetime]:
    # Compare timestamps: within one zone, Python compares local times, and those of a fold occur twice.
    def distance(start: datetime) -> tuple[float, float]:
        return abs(start.timestamp() - target.timestamp()), start.timestamp()

    return sorted({start.timestamp(): start for start in starts}.values(), key=distance)[:MAX_ALTERNATIVES]


def _is_final(nearest: list[datetime], target: datetime, first: date, last: date, search: SlotSearch) -> bool:
    """Return whether no day outside ``first`` to ``last`` can have a slot that is nearer."""
    zone = search.service.location.zone
    unsearched = [
        abs((edge - target).total_seconds())
        for edge, is_open in (
            (midnight(first, zone), first > search.first_day),
            (midnight(last + ONE_DAY, zone), last < search.last_day),
        )
        if is_open
    ]
    if not unsearched:
        return True
    farthest = abs((nearest[-1] - target).total_seconds()) if len(nearest) == MAX_ALTERNATIVES else inf
    return farthest <= min(unsearched)
