"""Which times are free, worked out the slow and obvious way: minute by minute, from plain rows.

It shares no code with the product: local times are found by converting every minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.utils import timezone

from bookings.models import Allocation, Booking, Resource, ScheduleException, Service, Session, WorkingHours

MINUTE = timedelta(minutes=1)
Free = tuple[datetime, list[int], int]


def free_times(service: Service, first: date, last: date, wanted: Resource | None, people: int) -> list[Free]:
    """Return (start, with whom of the leading kind, places) for every free time of these days."""
    listed = [
        each
        for each in Resource.objects.filter(services=service, location=service.location)
        if wanted is None or each == wanted or each.kind != wanted.kind
    ]
    able = [each for each in listed if each.is_active]
    needed = [kind for kind in ("staff", "room", "equipment") if any(each.kind == kind for each in listed)]
    kinds = [[each for each in able if each.kind == kind] for kind in needed]
    if not kinds or not all(kinds) or (wanted is not None and wanted not in able) or people > service.capacity:
        return []
    diary = _Diary(service, able, first, last)
    found = []
    for moment in diary.minutes_of_days(first, last):
        with_whom, places = [], 0
        for leader in kinds[0]:
            if moment not in diary.grid(leader) or not diary.is_open(leader, moment):
                continue
            helped = all(any(diary.is_open(each, moment) for each in kind) for kind in kinds[1:])
            free = diary.is_free(leader, moment) and all(
                any(diary.is_open(each, moment) and diary.is_free(each, moment) for each in kind) for kind in kinds[1:]
            )
            if free:
                with_whom.append(leader.pk)
                places = max(places, service.capacity)
            elif helped and (joinable := diary.places_left(leader, moment)) >= people:
                with_whom.append(leader.pk)
                places = max(places, joinable)
        if with_whom and places >= people:
            found.append((moment, sorted(with_whom), places))
    return found


@cache
def minutes_of(day: date, zone: ZoneInfo) -> list[datetime]:
    """Return every minute of a local day, however many there are."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    around = (begin + number * MINUTE for number in range(60 * 60))
    return [moment for moment in around if moment.astimezone(zone).date() == day]


@cache
def first_shown(day: date, zone: ZoneInfo) -> dict[tuple[int, int], datetime]:
    """Return the first moment of each local time of a day."""
    shown: dict[tuple[int, int], datetime] = {}
    for moment in minutes_of(day, zone):
        at = moment.astimezone(zone)
        shown.setdefault((at.hour, at.minute), moment)
    return shown


class _Diary:
    def __init__(self, service: Service, able: list[Resource], first: date, last: date) -> None:
        self.service = service
        self.zone = service.location.zone
        self.now = timezone.now()
        self.days = [first + timedelta(days=number) for number in range(-1, (last - first).days + 3)]
        self.open = {each.pk: set(self._open_minutes(each)) for each in able}
        self.grids = {each.pk: set(self._grid(each)) for each in able}
        self.sessions: dict[tuple[int, datetime], list[Session]] = {}
        for session in Session.objects.filter(service=service):
            self.sessions.setdefault((session.resource_id, session.starts_at), []).append(session)
        self.taken = {each.pk: list(self._taken(each)) for each in able}

    def minutes_of_days(self, first: date, last: date) -> Iterator[datetime]:
        earliest = self.now + timedelta(minutes=self.service.min_notice_minutes)
        latest = self.now + timedelta(days=self.service.horizon_days)
        for day in self.days:
            if first <= day <= last:
                yield from (moment for moment in minutes_of(day, self.zone) if earliest <= moment <= latest)

    def grid(self, resource: Resource) -> set[datetime]:
        return self.grids[resource.pk]

    def is_open(self, resource: Resource, start: datetime) -> bool:
        """Whether it works through a whole visit."""
        return all(start + number * MINUTE in self.open[resource.pk] for number in range(self.service.duration_minutes))

    def is_free(self, resource: Resource, start: datetime) -> bool:
        """Return whether the visit and its buffers are free."""
        begin = start - timedelta(minutes=self.service.buffer_before_minutes)
        end = start + timedelta(minutes=self.service.duration_minutes + self.service.buffer_after_minutes)
        return all(end <= other_begin or other_end <= begin for other_begin, other_end in self.taken[resource.pk])

    def places_left(self, leader: Resource, start: datetime) -> int:
        for session in self.sessions.get((leader.pk, start), []):
            coming = [booking for booking in Booking.objects.filter(session=session) if self._stands(booking)]
            if coming:
                return session.capacity - sum(booking.party_size for booking in coming)
        return 0

    def _open_minutes(self, resource: Resource) -> Iterator[datetime]:
        hours = list(WorkingHours.objects.filter(resource=resource))
        exceptions = list(ScheduleException.objects.filter(location=resource.location))
        own = [each for each in exceptions if each.resource_id == resource.pk]
        general = [each for each in exceptions if each.resource_id is None]
        for day in self.days:
            minutes = minutes_of(day, self.zone)
            shown = first_shown(day, self.zone)
            usual = {moment for each in hours for moment in self._usual(each, day, shown, minutes)}
            for moment in minutes:
                outcome = (moment in usual) if hours else resource.kind != "staff"
                for layer in (general, own):
                    covering = [each for each in layer if each.starts_at <= moment < each.ends_at]
                    if covering:
                        outcome = all(each.is_open for each in covering)
                if outcome:
                    yield moment

    def _usual(
        self, hours: WorkingHours, day: date, shown: dict[tuple[int, int], datetime], minutes: list[datetime]
    ) -> list[datetime]:
        if day.weekday() != hours.weekday:
            return []
        begin, end = (
            # A local time in a DST gap is counted from midnight, as in RFC 5545.
            shown.get((at.hour, at.minute), minutes[0] + timedelta(hours=at.hour, minutes=at.minute))
            for at in (hours.opens_at, hours.closes_at)
        )
        return [moment for moment in minutes if begin <= moment < end]

    def _grid(self, resource: Resource) -> Iterator[datetime]:
        """From opening on, or from midnight where it was open before, every so many minutes."""
        opened = self.open[resource.pk]
        for day in self.days:
            origin = None
            for moment in minutes_of(day, self.zone):
                if moment not in opened:
                    origin = None
                    continue
                origin = origin or moment
                if (moment - origin) % timedelta(minutes=self.service.slot_interval_minutes) == timedelta(0):
                    yield moment

    def _taken(self, resource: Resource) -> Iterator[tuple[datetime, datetime]]:
        for allocation in Allocation.objects.filter(resource=resource):
            other = (
                Booking.objects.filter(session=allocation.session_id)
                if allocation.booking_id is None
                else Booking.objects.filter(pk=allocation.booking_id)
            )
            active = [booking for booking in other if self._stands(booking)]
            if active:
                service, start = active[0].service, active[0].starts_at
                yield (
                    start - timedelta(minutes=service.buffer_before_minutes),
                    start + timedelta(minutes=service.duration_minutes + service.buffer_after_minutes),
                )

    def _stands(self, booking: Booking) -> bool:
        ends = [end for end in (booking.hold_expires_at, booking.answer_by) if end is not None]
        return booking.status in ("held", "pending", "confirmed") and all(end > self.now for end in ends)
