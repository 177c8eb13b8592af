"""Which times of a service are free. What is offered here is what ``slots`` would give, moment for moment."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection
from django.utils import timezone

from bookings.models import Booking, Resource, Service, Session
from bookings.opening import open_spans
from bookings.spans import Span

ALTERNATIVES = 3
DAYS_AROUND = 3  # how far from a taken time others are looked for


@dataclass(frozen=True)
class FreeSlot:
    """A start that can be booked: with any of ``resources`` (of the leading kind), for up to ``places`` people."""

    starts_at: datetime
    ends_at: datetime
    resources: list[int]
    places: int


def free_slots(
    service: Service, first: date, last: date, resource: Resource | None = None, *, people: int = 1
) -> list[FreeSlot]:
    """Return what customers can book on the days from ``first`` to ``last`` of the location's calendar, in order."""
    return list(_Search(service, first, last, resource, people).slots())


def nearest_free(service: Service, starts_at: datetime, resource: Resource | None, people: int) -> list[datetime]:
    """Return the free starts that are nearest to a time that is taken, in the location's zone."""
    zone = service.location.zone
    day = starts_at.astimezone(zone).date()
    around = timedelta(days=DAYS_AROUND)
    slots = free_slots(service, day - around, day + around, resource, people=people)
    nearest = sorted((slot.starts_at for slot in slots), key=lambda other: abs(other - starts_at))
    return [at.astimezone(zone) for at in sorted(nearest[:ALTERNATIVES])]


class _Search:
    """One look at a service's days: five statements, however many days and bookings there are."""

    def __init__(self, service: Service, first: date, last: date, wanted: Resource | None, people: int) -> None:
        now = timezone.now()
        self.service = service
        self.people = people
        self.earliest = now + timedelta(minutes=service.min_notice_minutes)
        self.latest = now + timedelta(days=service.horizon_days)
        first = max(first, self.earliest.astimezone(service.location.zone).date())
        last = min(last, self.latest.astimezone(service.location.zone).date())
        able = [
            each
            for each in Resource.objects.filter(services=service, is_active=True).order_by("pk")
            if wanted is None or each.pk == wanted.pk or each.kind != wanted.kind
        ]
        self.by_kind = Resource.by_kind(able)
        if first > last or (wanted is not None and wanted not in able):
            self.by_kind = []
        self.open = open_spans(service.location, able, first, last) if self.by_kind else {}
        keys = [each.pk for each in able]
        self.busy = _busy_times(keys, self.earliest, self.latest) if self.by_kind else {}
        self.sessions = self._sessions() if service.capacity > 1 else {}

    def slots(self) -> Iterator[FreeSlot]:
        """Yield the free slots in order of time."""
        if not self.by_kind:
            return
        leading, *others = self.by_kind
        able: dict[datetime, list[int]] = defaultdict(list)
        for resource in leading:
            for starts_at in self._starts(self.open[resource.pk]):
                able[starts_at].append(resource.pk)
        for starts_at in sorted(able):
            ends_at = self.service.ends_at(starts_at)
            attended = all(any(self._is_open(r.pk, starts_at, ends_at) for r in kind) for kind in others)
            if attended and (slot := self._slot(starts_at, ends_at, able[starts_at], others)):
                yield slot

    def _slot(
        self, starts_at: datetime, ends_at: datetime, able: list[int], others: list[list[Resource]]
    ) -> FreeSlot | None:
        blocked = _seconds(self.service.blocked(starts_at))
        free = [key for key in able if not self._is_busy(key, blocked)]
        if not all(
            any(self._is_open(r.pk, starts_at, ends_at) and not self._is_busy(r.pk, blocked) for r in kind)
            for kind in others
        ):
            free = []
        places = self.service.capacity if free else 0
        joined = [(key, left) for key, left in self.sessions.get(starts_at, []) if key in able and left >= self.people]
        if joined:
            places = max(places, *(left for _, left in joined))
            free = sorted({*free, *(key for key, _ in joined)})
        return FreeSlot(starts_at, ends_at, free, places) if free and places >= self.people else None

    def _starts(self, spans: Iterable[Span]) -> Iterator[datetime]:
        interval = timedelta(minutes=self.service.slot_interval_minutes)
        duration = timedelta(minutes=self.service.duration_minutes)
        for start, end in spans:
            starts_at = start
            if starts_at < self.earliest:
                starts_at += -((starts_at - self.earliest) // interval) * interval
            while starts_at + duration <= end and starts_at <= self.latest:
                yield starts_at
                starts_at += interval

    def _is_open(self, key: int, starts_at: datetime, ends_at: datetime) -> bool:
        return any(start <= starts_at and ends_at <= end for start, end in self.open[key])

    def _is_busy(self, key: int, blocked: tuple[float, float]) -> bool:
        starts, ends = self.busy.get(key, ([], []))
        # The last of the occupied times that begins before this one ends; they do not overlap each other.
        before = bisect_right(starts, blocked[1] - 1) - 1
        return before >= 0 and ends[before] > blocked[0]

    def _sessions(self) -> dict[datetime, list[tuple[int, int]]]:
        """Return, by start, with whom sessions are under way and how many places are left in each."""
        found: dict[datetime, list[tuple[int, int]]] = defaultdict(list)
        sessions = Session.objects.filter(
            service=self.service, booked__gt=0, starts_at__gte=self.earliest, starts_at__lte=self.latest
        )
        lapsed = Booking.objects.lapsed().filter(session__in=sessions).values_list("session", "party_size")
        given_up: dict[int, int] = defaultdict(int)
        for key, people in lapsed:
            given_up[key] += people
        for session in sessions:
            left = session.capacity - session.booked + given_up[session.pk]
            found[session.starts_at].append((session.resource_id, left))
        return found


def _seconds(span: Span) -> tuple[float, float]:
    return span[0].timestamp(), span[1].timestamp()


def _busy_times(keys: list[int], first: datetime, last: datetime) -> dict[int, tuple[list[float], list[float]]]:
    """Return, by resource, when occupied times begin and end, in seconds since 1970.

    PostgreSQL merges what touches and hands over two arrays a resource: a thousand rows would cost more than the rest.
    What has lapsed, and only waits to be swept away, is free already.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT resource_id, array_agg(extract(epoch FROM lower(span))::float8 ORDER BY lower(span)),
                   array_agg(extract(epoch FROM upper(span))::float8 ORDER BY lower(span))
            FROM (SELECT a.resource_id, unnest(range_agg(a.blocked)) AS span
                  FROM bookings_allocation a
                  WHERE a.is_active AND a.resource_id = ANY(%(keys)s) AND a.blocked && tstzrange(%(first)s, %(last)s)
                    AND NOT EXISTS (SELECT FROM bookings_booking b WHERE b.id = a.booking_id
                                    AND (b.hold_expires_at <= now() OR b.answer_by <= now()))
                    AND (a.session_id IS NULL OR EXISTS (
                        SELECT FROM bookings_booking b WHERE b.session_id = a.session_id
                        AND b.status NOT IN ('cancelled', 'declined', 'expired')
                        AND coalesce(b.hold_expires_at, b.answer_by, 'infinity') > now()))
                  GROUP BY a.resource_id) AS occupied
            GROUP BY resource_id
            """,
            {"keys": keys, "first": first - timedelta(days=1), "last": last + timedelta(days=1)},
        )
        return {key: (starts, ends) for key, starts, ends in cursor.fetchall()}
