"""Find the free slots of a service. A slot that is offered here is one that ``reservation.reserve_slot`` accepts."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db import connection
from django.db.models import Q

from bookings.models import Booking, Resource, Service, Session
from bookings.models.booking import OVERDUE
from bookings.scheduling.calendar import Calendar, FreeSlot, OpenSession, Timestamps
from bookings.scheduling.opening_hours import midnight, open_intervals
from bookings.scheduling.sessions import with_resource_keys
from foundation.clock import database_now
from foundation.intervals import Interval, merge

ONE_DAY = timedelta(days=1)


def find_free_slots(
    service: Service,
    first: date,
    last: date,
    resource: Resource | None = None,
    *,
    party_size: int = 1,
    booking: Booking | None = None,
) -> list[FreeSlot]:
    """Return the slots that customers can book from ``first`` to ``last`` (local dates, inclusive), ordered by time.

    What ``booking`` occupies counts as free: these are the slots to which it can be rescheduled.
    """
    return SlotSearch(service, resource, party_size, booking).free_slots(first, last)


class SlotSearch:
    """Find the free slots for one request, on any days. See ``find_free_slots``."""

    def __init__(
        self, service: Service, resource: Resource | None, party_size: int, booking: Booking | None = None
    ) -> None:
        self.service, self.requested, self.party_size = service, resource, party_size
        now = database_now()
        self._earliest = now + timedelta(minutes=service.min_notice_minutes)
        self._latest = now + timedelta(days=service.horizon_days)
        self._own = booking.pk if booking is not None and booking.status in Booking.BLOCKING else None

    @property
    def first_day(self) -> date:
        """The first day that customers can book, in the location's zone."""
        return self._earliest.astimezone(self.service.location.zone).date()

    @property
    def last_day(self) -> date:
        """The last day that customers can book. If it is before the first one, they can book none."""
        return self._latest.astimezone(self.service.location.zone).date()

    def free_slots(self, first: date, last: date) -> list[FreeSlot]:
        """Return the free slots from ``first`` to ``last``, inclusive, ordered by time."""
        first, last = max(first, self.first_day), min(last, self.last_day)
        if not self._candidates or first > last or self.party_size > self.service.capacity:
            return []
        zone = self.service.location.zone
        begin, end = midnight(first, zone), midnight(last + ONE_DAY, zone)
        earliest, latest = max(self._earliest, begin).timestamp(), min(self._latest.timestamp(), end.timestamp() - 1)
        return list(self._load_calendar(begin, end).free_slots(earliest, latest))

    @cached_property
    def _candidates(self) -> list[list[Resource]]:
        """The active resources by kind; empty if a listed kind has none or the requested one is inactive."""
        listed = list(Resource.objects.listed_for(self.service, self.requested).order_by("pk"))
        active = [resource for resource in listed if resource.is_active]
        by_kind = Resource.by_kind(active)
        is_complete = len(by_kind) == len(Resource.by_kind(listed))
        return by_kind if is_complete and (self.requested is None or self.requested in active) else []

    def _load_calendar(self, begin: datetime, end: datetime) -> Calendar:
        service, zone = self.service, self.service.location.zone
        resources = [resource for kind in self._candidates for resource in kind]
        sessions = self._load_sessions(begin, end) if service.capacity > 1 else []
        # A visit may begin before midnight and end after it.
        longest = max([service.duration_minutes * 60, *(session.end - session.start for session in sessions)])
        first, last = begin.astimezone(zone).date(), (end + timedelta(seconds=longest)).astimezone(zone).date()
        intervals = open_intervals(service.location, resources, first, last)
        blocked = service.blocked(begin)[0], service.blocked(end)[1]
        return Calendar(
            service=service,
            candidates=self._candidates,
            openings={key: _to_timestamps(pairs) for key, pairs in intervals.items()},
            open={key: _to_timestamps(merge(pairs)) for key, pairs in intervals.items()},
            busy=_load_busy_intervals(list(intervals), blocked, self._own),
            sessions=sessions,
        )

    def _load_sessions(self, first: datetime, last: datetime) -> list[OpenSession]:
        """Return the sessions that have enough places for the party and suit the request."""
        sessions = Session.objects.filter(service=self.service, booked__gt=0, starts_at__gte=first, starts_at__lt=last)
        leaving: dict[int | None, int] = defaultdict(int)
        bookings = Booking.objects.filter(OVERDUE | Q(pk=self._own), session__in=sessions)
        for key, party_size in bookings.values_list("session", "party_size"):
            leaving[key] += party_size
        open_sessions = []
        for session in with_resource_keys(sessions):
            booked = session.booked - leaving[session.pk]
            places = self.service.capacity - booked
            # An empty session is not one: its time counts as free.
            if booked and places >= self.party_size and session.suits(self.requested):
                start, end = int(session.starts_at.timestamp()), int(session.ends_at.timestamp())
                open_sessions.append(OpenSession(start, end, session.resource_id, session.resource_keys, places))
        return open_sessions


def _to_timestamps(intervals: list[Interval]) -> list[Timestamps]:
    return [(start.timestamp(), end.timestamp()) for start, end in intervals]


# The busy intervals of each resource as two arrays. PostgreSQL merges them: fetching a thousand rows would take longer
# than everything else. Overdue holds and requests that have not been expired yet count as free, and so does the booking
# that is to be rescheduled.
BUSY_INTERVALS = """
    WITH leaving AS MATERIALIZED (
        SELECT id, session_id, party_size FROM bookings_booking
        WHERE hold_expires_at <= now() OR answer_by <= now() OR id = %(own)s),
    emptied AS (  -- sessions that are empty without them
        SELECT s.id FROM bookings_session s JOIN leaving ON leaving.session_id = s.id
        GROUP BY s.id HAVING sum(leaving.party_size) >= s.booked)
    SELECT key, array(SELECT date_part('epoch', lower(span)) FROM unnest(occupied) AS span ORDER BY span),
           array(SELECT date_part('epoch', upper(span)) FROM unnest(occupied) AS span ORDER BY span)
    FROM unnest(%(keys)s::bigint[]) AS key CROSS JOIN LATERAL (  -- the merged allocations of each resource
        SELECT range_agg(a.blocked) AS occupied FROM bookings_allocation a
        -- Written like the exclusion constraint, so that its index finds resource and time together.
        WHERE int8range(a.resource_id, a.resource_id, '[]') && int8range(key, key, '[]')
          AND a.blocked && tstzrange(%(first)s, %(last)s) AND a.is_active
          AND (a.booking_id IS NULL OR a.booking_id NOT IN (SELECT id FROM leaving))
          AND (a.session_id IS NULL OR a.session_id NOT IN (SELECT id FROM emptied))) AS of_resource
"""


def _load_busy_intervals(keys: list[int], within: Interval, own: UUID | None) -> dict[int, list[Timestamps]]:
    with connection.cursor() as cursor:
        cursor.execute(BUSY_INTERVALS, {"keys": keys, "first": within[0], "last": within[1], "own": own})
        return {key: list(zip(starts, ends, strict=True)) for key, starts, ends in cursor.fetchall()}
