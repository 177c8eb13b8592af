"""Find the free slots of a service. A slot that is offered here is one that ``reservation.reserve_slot`` accepts."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from math import ceil, inf
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Resource, Service, Session
from bookings.scheduling.opening_hours import each_day, midnight, open_intervals
from foundation.intervals import Interval

MAX_ALTERNATIVES = 3
ALTERNATIVES_WITHIN = timedelta(days=3)
ONE_DAY = timedelta(days=1)
NEVER = (inf, inf)

Timestamps = tuple[float, float]  # an interval in seconds since 1970


class FreeSlot(NamedTuple):
    """A slot with any of ``resources`` (keys), for up to ``places`` people. Times are in the location's zone."""

    starts_at: datetime
    ends_at: datetime
    resources: list[int]
    places: int


def find_free_slots(
    service: Service, first: date, last: date, resource: Resource | None = None, *, party_size: int = 1
) -> list[FreeSlot]:
    """Return the slots that customers can book from ``first`` to ``last`` (local dates, inclusive), ordered by time."""
    candidates = _find_candidates(service, resource)
    now = timezone.now()
    earliest = now + timedelta(minutes=service.min_notice_minutes)
    latest = now + timedelta(days=service.horizon_days)
    zone = service.location.zone
    first = max(first, earliest.astimezone(zone).date())
    last = min(last, latest.astimezone(zone).date())
    if not candidates or first > last or party_size > service.capacity:
        return []
    calendar = _load_calendar(service, candidates, first, last, party_size)
    return list(calendar.free_slots(earliest.timestamp(), latest.timestamp()))


def find_alternatives(
    service: Service, starts_at: datetime, resource: Resource | None, party_size: int
) -> list[datetime]:
    """Return up to three free start times nearest to a taken slot, in the location's zone and ordered by time."""
    day = starts_at.astimezone(service.location.zone).date()
    slots = find_free_slots(
        service, day - ALTERNATIVES_WITHIN, day + ALTERNATIVES_WITHIN, resource, party_size=party_size
    )
    # Compare timestamps: within one zone, Python compares local times, and those of a fold occur twice.
    target = starts_at.timestamp()
    nearest = sorted((slot.starts_at for slot in slots), key=lambda start: abs(start.timestamp() - target))
    return sorted(nearest[:MAX_ALTERNATIVES], key=datetime.timestamp)


def _find_candidates(service: Service, requested: Resource | None) -> list[list[Resource]]:
    """Return the active resources by kind; empty if a listed kind has none or ``requested`` is inactive."""
    listed = list(Resource.objects.listed_for(service, requested).order_by("pk"))
    active = [resource for resource in listed if resource.is_active]
    by_kind = Resource.by_kind(active)
    is_bookable = len(by_kind) == len(Resource.by_kind(listed)) and (requested is None or requested in active)
    return by_kind if is_bookable else []


@dataclass(frozen=True)
class _Calendar:
    """The input of the search, loaded with a constant number of queries.

    Times are in seconds since 1970. ``open`` and ``busy`` are intervals by resource; ``sessions`` has the remaining
    places by resource and start.
    """

    service: Service
    candidates: list[list[Resource]]
    midnights: list[float]
    open: dict[int, list[Timestamps]]
    busy: dict[int, list[Timestamps]]
    sessions: dict[int, dict[int, int]]

    @property
    def duration(self) -> int:
        return self.service.duration_minutes * 60

    def free_slots(self, earliest: float, latest: float) -> Iterator[FreeSlot]:
        """Yield the free slots that start from ``earliest`` to ``latest``, ordered by time."""
        main_kind, *other_kinds = self.candidates
        capacity = self.service.capacity
        resources: dict[int, list[int]] = defaultdict(list)
        places: dict[int, int] = {}
        for key in (resource.pk for resource in main_kind):
            grid = self._slot_grid(key, earliest, latest)
            for start in self._free_starts(key, grid):
                # Most services need only one kind: skipping the generator saves 6 % when searching a month.
                if not other_kinds or all(self._has_free(kind, start) for kind in other_kinds):
                    resources[start].append(key)
                    places[start] = capacity
            for start in self.sessions.get(key, {}).keys() & set(grid):
                if all(self._is_open(kind, start) for kind in other_kinds):
                    resources[start].append(key)
                    places[start] = max(places.get(start, 0), self.sessions[key][start])
        at = cache(partial(datetime.fromtimestamp, tz=self.service.location.zone))  # one slot ends where another starts
        for start in sorted(resources):
            yield FreeSlot(at(start), at(start + self.duration), resources[start], places[start])

    def _slot_grid(self, key: int, earliest: float, latest: float) -> list[int]:
        """Return the possible start times: each opening time and every ``slot_interval_minutes`` after it.

        Where the resource is open across midnight, the grid restarts at midnight, so that it does not depend on the
        requested dates.
        """
        step = self.service.slot_interval_minutes * 60
        starts: list[int] = []
        for opens, closes in self.open[key]:
            start, last = opens, min(closes - self.duration, latest)
            for day_end in self.midnights[bisect_right(self.midnights, opens) :]:
                if start < earliest:
                    start += ceil((earliest - start) / step) * step
                starts.extend(range(int(start), int(min(last, day_end - 1)) + 1, step))
                if last < day_end:
                    break
                start = day_end
        return starts

    def _free_starts(self, key: int, grid: list[int]) -> Iterator[int]:
        """Yield the starts at which neither the visit nor its buffers overlap a busy interval."""
        before = self.service.buffer_before_minutes * 60
        after = self.duration + self.service.buffer_after_minutes * 60
        busy = iter(self.busy.get(key, []))
        busy_start, busy_end = next(busy, NEVER)
        for start in grid:
            while busy_end <= start - before:
                busy_start, busy_end = next(busy, NEVER)
            if start + after <= busy_start:
                yield start

    def _has_free(self, kind: list[Resource], start: int) -> bool:
        open_keys = (resource.pk for resource in kind if self._is_open([resource], start))
        return any(True for key in open_keys for _ in self._free_starts(key, [start]))

    def _is_open(self, kind: list[Resource], start: int) -> bool:
        end = start + self.duration
        return any(opens <= start and end <= closes for resource in kind for opens, closes in self.open[resource.pk])


def _load_calendar(
    service: Service, candidates: list[list[Resource]], first: date, last: date, party_size: int
) -> _Calendar:
    zone = service.location.zone
    days = [midnight(day, zone) for day in each_day(first, last + ONE_DAY)]
    resources = [resource for kind in candidates for resource in kind]
    # A visit may begin before midnight and end after it.
    until = last + timedelta(minutes=service.duration_minutes) + ONE_DAY
    intervals = open_intervals(service.location, resources, first, until)
    blocked = service.blocked(days[0])[0], service.blocked(days[-1])[1]
    return _Calendar(
        service=service,
        candidates=candidates,
        midnights=[day.timestamp() for day in days],
        open={key: [(start.timestamp(), end.timestamp()) for start, end in pairs] for key, pairs in intervals.items()},
        busy=_load_busy_intervals(list(intervals), blocked),
        sessions=_load_sessions(service, days[0], days[-1], party_size) if service.capacity > 1 else {},
    )


# The busy intervals of each resource as two arrays. PostgreSQL merges them: fetching a thousand rows would take longer
# than everything else. Overdue holds and requests that have not been expired yet count as free.
BUSY_INTERVALS = """
    WITH overdue AS MATERIALIZED (  -- holds and requests whose time is over
        SELECT id, session_id, party_size FROM bookings_booking
        WHERE hold_expires_at <= now() OR answer_by <= now()),
    emptied AS (  -- sessions that are empty without them
        SELECT s.id FROM bookings_session s JOIN overdue ON overdue.session_id = s.id
        GROUP BY s.id HAVING sum(overdue.party_size) >= s.booked)
    SELECT key, array(SELECT date_part('epoch', lower(span)) FROM unnest(occupied) AS span ORDER BY span),
           array(SELECT date_part('epoch', upper(span)) FROM unnest(occupied) AS span ORDER BY span)
    FROM unnest(%(keys)s::bigint[]) AS key CROSS JOIN LATERAL (  -- the merged allocations of each resource
        SELECT range_agg(a.blocked) AS occupied FROM bookings_allocation a
        -- Written like the exclusion constraint, so that its index finds resource and time together.
        WHERE int8range(a.resource_id, a.resource_id, '[]') && int8range(key, key, '[]')
          AND a.blocked && tstzrange(%(first)s, %(last)s) AND a.is_active
          AND (a.booking_id IS NULL OR a.booking_id NOT IN (SELECT id FROM overdue))
          AND (a.session_id IS NULL OR a.session_id NOT IN (SELECT id FROM emptied))) AS of_resource
"""


def _load_busy_intervals(keys: list[int], within: Interval) -> dict[int, list[Timestamps]]:
    with connection.cursor() as cursor:
        cursor.execute(BUSY_INTERVALS, {"keys": keys, "first": within[0], "last": within[1]})
        return {key: list(zip(starts, ends, strict=True)) for key, starts, ends in cursor.fetchall()}


def _load_sessions(service: Service, first: datetime, last: datetime, party_size: int) -> dict[int, dict[int, int]]:
    """Return the remaining places, by resource and start, of sessions that have enough for the party."""
    sessions = Session.objects.filter(service=service, booked__gt=0, starts_at__gte=first, starts_at__lt=last)
    overdue_places: dict[int, int] = defaultdict(int)
    overdue = Booking.objects.overdue().filter(session__in=sessions).values_list("session", "party_size")
    for key, party_size in overdue:
        overdue_places[key] += party_size
    remaining_places: dict[int, dict[int, int]] = defaultdict(dict)
    for session in sessions:
        remaining = session.capacity - session.booked + overdue_places[session.pk]
        if party_size <= remaining < session.capacity:  # an empty session counts as a free slot
            remaining_places[session.resource_id][int(session.starts_at.timestamp())] = remaining
    return remaining_places
