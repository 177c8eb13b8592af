"""Which times of a service are free. What is offered here is what ``slots`` would give, moment for moment."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from math import ceil, inf
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Resource, Service, Session
from bookings.scheduling.opening_hours import each_day, midnight, open_intervals
from foundation.intervals import Interval

ALTERNATIVES = 3
ONE_DAY = timedelta(days=1)
NEVER = (inf, inf)
DAYS_AROUND = 3  # how far from a taken time others are looked for


class FreeSlot(NamedTuple):
    """A start that can be booked: with any of ``resources``, for up to ``places`` people. In the location's zone."""

    starts_at: datetime
    ends_at: datetime
    resources: list[int]
    places: int


def find_free_slots(
    service: Service, first: date, last: date, resource: Resource | None = None, *, people: int = 1
) -> list[FreeSlot]:
    """Return what customers can book on the days from ``first`` to ``last`` of the location's calendar, in order."""
    return list(_Search(service, first, last, resource, people).slots())


def find_alternatives(service: Service, starts_at: datetime, resource: Resource | None, people: int) -> list[datetime]:
    """Return the free starts that are nearest to a time that is taken, in the location's zone."""
    zone = service.location.zone
    day = starts_at.astimezone(zone).date()
    around = timedelta(days=DAYS_AROUND)
    slots = find_free_slots(service, day - around, day + around, resource, people=people)
    # By timestamp: within one zone Python compares what the wall shows, and an hour of autumn is shown twice.
    nearest = sorted(
        (slot.starts_at for slot in slots), key=lambda other: abs(other.timestamp() - starts_at.timestamp())
    )
    return sorted(nearest[:ALTERNATIVES], key=datetime.timestamp)


class _Search:
    """One look at a service's days: few statements, however many days and bookings. It counts in seconds since 1970."""

    def __init__(self, service: Service, first: date, last: date, wanted: Resource | None, people: int) -> None:
        self.service = service
        self.people = people
        self.zone = service.location.zone
        earliest = timezone.now() + timedelta(minutes=service.min_notice_minutes)
        latest = timezone.now() + timedelta(days=service.horizon_days)
        self.earliest, self.latest = earliest.timestamp(), latest.timestamp()
        self.duration = service.duration_minutes * 60
        first = max(first, earliest.astimezone(self.zone).date())
        last = min(last, latest.astimezone(self.zone).date())
        listed = list(Resource.objects.listed_for(service, wanted).order_by("pk"))
        able = [each for each in listed if each.is_active]
        self.by_kind = Resource.by_kind(able)
        is_offered = len(self.by_kind) == len(Resource.by_kind(listed)) and (wanted is None or wanted in able)
        if not is_offered or first > last or people > service.capacity:
            self.by_kind = []
        if not self.by_kind:
            return
        self.days = [midnight(day, self.zone) for day in each_day(first, last + ONE_DAY)]
        # A visit may begin before midnight and end after it.
        spans = open_intervals(
            service.location, able, first, last + timedelta(minutes=service.duration_minutes) + ONE_DAY
        )
        self.open = {key: [_seconds(span) for span in own] for key, own in spans.items()}
        self.midnights = [day.timestamp() for day in self.days]
        blocked = service.blocked(self.days[0])[0], service.blocked(self.days[-1])[1]
        self.busy = _busy_times(list(spans), blocked)
        self.sessions = self._sessions() if service.capacity > 1 else {}

    def slots(self) -> Iterator[FreeSlot]:
        """Yield the free slots in order of time."""
        if not self.by_kind:
            return
        leading, *others = self.by_kind
        capacity = self.service.capacity
        found: dict[int, list[int]] = defaultdict(list)
        places: dict[int, int] = {}
        for key in (resource.pk for resource in leading):
            grid = self._grid(key)
            for start in self._free(key, grid):
                if not others or all(self._has_free(kind, start) for kind in others):
                    found[start].append(key)
                    places[start] = capacity
            for start in self.sessions.get(key, {}).keys() & set(grid):
                if all(self._is_open(kind, start) for kind in others):
                    found[start].append(key)
                    places[start] = max(places.get(start, 0), self.sessions[key][start])
        at = cache(self._at)  # one visit's end is another's start
        for start in sorted(found):
            yield FreeSlot(at(start), at(start + self.duration), found[start], places[start])

    def _grid(self, key: int) -> list[int]:
        """Return when visits may start: from each opening on, or from midnight where it has been open before."""
        interval = self.service.slot_interval_minutes * 60
        starts: list[int] = []
        for opens, closes in self.open[key]:
            begin, last = opens, min(closes - self.duration, self.latest)
            for day_ends in self.midnights[bisect_right(self.midnights, opens) :]:
                if begin < self.earliest:
                    begin += ceil((self.earliest - begin) / interval) * interval
                starts.extend(range(int(begin), int(min(last, day_ends - 1)) + 1, interval))
                if last < day_ends:
                    break
                begin = day_ends
        return starts

    def _free(self, key: int, grid: list[int]) -> Iterator[int]:
        """Yield the starts of which neither the visit nor its buffers touch an occupied time."""
        before = self.service.buffer_before_minutes * 60
        after = self.duration + self.service.buffer_after_minutes * 60
        occupied = iter(self.busy.get(key, []))
        begins, ends = next(occupied, NEVER)
        for start in grid:
            while ends <= start - before:
                begins, ends = next(occupied, NEVER)
            if start + after <= begins:
                yield start

    def _has_free(self, kind: list[Resource], start: int) -> bool:
        open_ones = (each.pk for each in kind if self._is_open([each], start))
        return any(True for key in open_ones for _ in self._free(key, [start]))

    def _is_open(self, kind: list[Resource], start: int) -> bool:
        end = start + self.duration
        return any(opens <= start and end <= closes for each in kind for opens, closes in self.open[each.pk])

    def _sessions(self) -> dict[int, dict[int, int]]:
        """Return, by resource and start, how many places are left in sessions that have begun to fill and fit all."""
        sessions = Session.objects.filter(
            service=self.service, booked__gt=0, starts_at__gte=self.days[0], starts_at__lt=self.days[-1]
        )
        given_up: dict[int, int] = defaultdict(int)
        lapsed = Booking.objects.overdue().filter(session__in=sessions).values_list("session", "party_size")
        for key, people in lapsed:
            given_up[key] += people
        found: dict[int, dict[int, int]] = defaultdict(dict)
        for session in sessions:
            left = session.capacity - session.booked + given_up[session.pk]
            if self.people <= left < session.capacity:  # one that all have left begins anew
                found[session.resource_id][int(session.starts_at.timestamp())] = left
        return found

    def _at(self, seconds: int) -> datetime:
        return datetime.fromtimestamp(seconds, self.zone)


def _seconds(span: Interval) -> tuple[float, float]:
    return span[0].timestamp(), span[1].timestamp()


def _busy_times(keys: list[int], within: Interval) -> dict[int, list[tuple[float, float]]]:
    """Return, by resource, when it is occupied, in order, as seconds since 1970.

    PostgreSQL merges what touches and hands over two arrays a resource: a thousand rows would cost more than the rest.
    What has lapsed, and only waits to be swept away, is free already.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH lapsed AS MATERIALIZED (
                SELECT id, session_id, party_size FROM bookings_booking
                WHERE hold_expires_at <= now() OR answer_by <= now()),
            deserted AS (
                SELECT s.id FROM bookings_session s JOIN lapsed ON lapsed.session_id = s.id
                GROUP BY s.id HAVING sum(lapsed.party_size) >= s.booked)
            SELECT key, array(SELECT date_part('epoch', lower(span)) FROM unnest(occupied) AS span ORDER BY span),
                   array(SELECT date_part('epoch', upper(span)) FROM unnest(occupied) AS span ORDER BY span)
            FROM unnest(%(keys)s::bigint[]) AS key CROSS JOIN LATERAL (
                SELECT range_agg(a.blocked) AS occupied FROM bookings_allocation a
                -- Said in the words of the exclusion constraint: its index finds who and when at once.
                WHERE int8range(a.resource_id, a.resource_id, '[]') && int8range(key, key, '[]')
                  AND a.blocked && tstzrange(%(first)s, %(last)s) AND a.is_active
                  AND (a.booking_id IS NULL OR a.booking_id NOT IN (SELECT id FROM lapsed))
                  AND (a.session_id IS NULL OR a.session_id NOT IN (SELECT id FROM deserted))) AS of_resource
            """,
            {"keys": keys, "first": within[0], "last": within[1]},
        )
        return {key: list(zip(starts, ends, strict=True)) for key, starts, ends in cursor.fetchall()}
