"""Find the free slots by brute force: minute by minute, from plain rows.

It shares no code with the implementation: local times are found by converting every minute, and each minute belongs to
the opening that a customer would name for it ("the one from 22:00").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.utils import timezone

from bookings.models import Allocation, Booking, Resource, ScheduleException, Service, Session, WorkingHours

MINUTE = timedelta(minutes=1)
FreeSlot = tuple[datetime, datetime, list[int], int]


def free_slots_by_brute_force(
    service: Service,
    first: date,
    last: date,
    requested: Resource | None,
    party_size: int,
    rescheduled: Booking | None = None,
) -> list[FreeSlot]:
    """Return (start, end, keys of the main resources, places) of every free slot from ``first`` to ``last``.

    The booking ``rescheduled`` counts as cancelled.
    """
    listed = [
        resource
        for resource in Resource.objects.filter(services=service, locations=service.location)
        if requested is None or resource == requested or resource.kind != requested.kind
    ]
    active = [resource for resource in listed if resource.is_active]
    listed_kinds = [
        kind for kind in ("staff", "room", "equipment") if any(resource.kind == kind for resource in listed)
    ]
    kinds = [[resource for resource in active if resource.kind == kind] for kind in listed_kinds]
    if (
        not kinds
        or not all(kinds)
        or (requested is not None and requested not in active)
        or party_size > service.capacity
    ):
        return []
    calendar = _Calendar(service, active, first, last, rescheduled)
    slots = []
    for moment in calendar.minutes_of_days(first, last):
        offers: dict[datetime, list[tuple[int, int]]] = {}
        ends_at = moment + timedelta(minutes=service.duration_minutes)
        for main in kinds[0]:
            if (
                moment in calendar.grid(main)
                and calendar.is_open(main, moment, ends_at)
                and calendar.is_free(main, moment)
                and all(
                    any(calendar.is_open(each, moment, ends_at) and calendar.is_free(each, moment) for each in kind)
                    for kind in kinds[1:]
                )
            ):
                offers.setdefault(ends_at, []).append((main.pk, service.capacity))
        for session, attending in calendar.sessions_at(moment):
            occupied = [row.resource for row in Allocation.objects.filter(session=session).select_related("resource")]
            remaining = service.capacity - sum(booking.party_size for booking in attending)
            if (
                service.capacity > 1
                and moment in calendar.grids.get(session.resource_id, ())
                and (requested is None or requested in occupied)
                and all(each in active and calendar.is_open(each, moment, session.ends_at) for each in occupied)
                and remaining >= party_size
            ):
                offers.setdefault(session.ends_at, []).append((session.resource_id, remaining))
        for end, found in sorted(offers.items()):
            slots.append((moment, end, sorted(key for key, _ in found), max(places for _, places in found)))
    return slots


@cache
def minutes_of(day: date, zone: ZoneInfo) -> list[datetime]:
    """Return every minute of a local day, also on days with a DST transition."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    candidates = (begin + number * MINUTE for number in range(60 * 60))
    return [moment for moment in candidates if moment.astimezone(zone).date() == day]


@cache
def first_occurrences(day: date, zone: ZoneInfo) -> dict[tuple[int, int], datetime]:
    """Return the first moment at which each local time of a day occurs."""
    occurrences: dict[tuple[int, int], datetime] = {}
    for moment in minutes_of(day, zone):
        at = moment.astimezone(zone)
        occurrences.setdefault((at.hour, at.minute), moment)
    return occurrences


def moment_of(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return when a local time occurs for the first time; ``minute`` 1440 is the end of the day.

    A local time in a DST gap is counted from midnight, as in RFC 5545.
    """
    if minute >= 24 * 60:
        return moment_of(day + timedelta(days=1), minute - 24 * 60, zone)
    counted = minutes_of(day, zone)[0] + minute * MINUTE
    return first_occurrences(day, zone).get(divmod(minute, 60), counted)


@dataclass(frozen=True)
class Opening:
    """A time in which a resource is open, and from whose start the slots are counted."""

    start: datetime
    end: datetime

    def minutes(self) -> Iterator[datetime]:
        return (self.start + number * MINUTE for number in range((self.end - self.start) // MINUTE))


def paint(
    openings: list[Opening], extra: list[ScheduleException], closed: list[ScheduleException]
) -> dict[datetime, Opening]:
    """Return the opening of each open minute. Of two, it is the one that started earlier; extra hours come last."""
    minutes: dict[datetime, Opening] = {}
    for layer in (openings, [Opening(row.starts_at, row.ends_at) for row in extra]):
        for opening in sorted(layer, key=lambda opening: (opening.start, -opening.end.timestamp())):
            for moment in opening.minutes():
                minutes.setdefault(moment, opening)
    closed_minutes = {moment for row in closed for moment in Opening(row.starts_at, row.ends_at).minutes()}
    return {moment: opening for moment, opening in minutes.items() if moment not in closed_minutes}


def openings_of(minutes: dict[datetime, Opening]) -> list[Opening]:
    """Return what is left of each opening: an interruption by a closed time or by another opening divides it."""
    openings: list[Opening] = []
    last = None
    for moment in sorted(minutes):
        if openings and openings[-1].end == moment and minutes[moment] is last:
            openings[-1] = Opening(openings[-1].start, moment + MINUTE)
        else:
            openings.append(Opening(moment, moment + MINUTE))
        last = minutes[moment]
    return openings


class _Calendar:
    def __init__(
        self, service: Service, active: list[Resource], first: date, last: date, rescheduled: Booking | None
    ) -> None:
        self.rescheduled = rescheduled
        self.service = service
        self.zone = service.location.zone
        self.now = timezone.now()
        # From so early that the longest exceptions and the nights before the first day are complete.
        self.days = [first + timedelta(days=number) for number in range(-5, (last - first).days + 3)]
        openings = {resource.pk: self._openings(resource) for resource in active}
        self.open = {key: {moment for each in rows for moment in each.minutes()} for key, rows in openings.items()}
        self.grids = {key: {moment for each in rows for moment in self._grid(each)} for key, rows in openings.items()}
        self.sessions: dict[datetime, list[Session]] = {}
        for session in Session.objects.filter(service=service):
            self.sessions.setdefault(session.starts_at, []).append(session)
        self.blocked = {resource.pk: list(self._blocked(resource)) for resource in active}

    def minutes_of_days(self, first: date, last: date) -> Iterator[datetime]:
        earliest = self.now + timedelta(minutes=self.service.min_notice_minutes)
        latest = self.now + timedelta(days=self.service.horizon_days)
        for day in self.days:
            if first <= day <= last:
                yield from (moment for moment in minutes_of(day, self.zone) if earliest <= moment <= latest)

    def grid(self, resource: Resource) -> set[datetime]:
        return self.grids[resource.pk]

    def is_open(self, resource: Resource, start: datetime, end: datetime) -> bool:
        """Return whether the resource is open for the whole visit."""
        return all(start + number * MINUTE in self.open[resource.pk] for number in range((end - start) // MINUTE))

    def is_free(self, resource: Resource, start: datetime) -> bool:
        """Return whether the visit and its buffers are free."""
        begin = start - timedelta(minutes=self.service.buffer_before_minutes)
        end = start + timedelta(minutes=self.service.duration_minutes + self.service.buffer_after_minutes)
        return all(end <= other_begin or other_end <= begin for other_begin, other_end in self.blocked[resource.pk])

    def sessions_at(self, start: datetime) -> Iterator[tuple[Session, list[Booking]]]:
        """Yield the sessions that have attendees, with these."""
        for session in self.sessions.get(start, []):
            attending = [booking for booking in Booking.objects.filter(session=session) if self._is_active(booking)]
            if attending:
                yield session, attending

    def _openings(self, resource: Resource) -> list[Opening]:
        """Return the openings of the resource at the service's location: weekly hours, then holidays, then its own."""
        here = self.service.location
        hours = list(WorkingHours.objects.filter(resource=resource))
        if hours:
            opened = [self._weekly(row, day) for row in hours if row.location == here for day in self.days]
        else:
            opened = [] if resource.kind == "staff" else [self._whole_day(day) for day in self.days]
        openings = [opening for opening in opened if opening is not None]
        for exceptions in (
            list(ScheduleException.objects.filter(resource=None, location=here)),
            list(ScheduleException.objects.filter(resource=resource)),
        ):
            extra = [row for row in exceptions if row.is_open and row.location == here]
            closed = [row for row in exceptions if row not in extra]  # or the resource is at another location
            openings = openings_of(paint(openings, extra, closed))
        return openings

    def _weekly(self, hours: WorkingHours, day: date) -> Opening | None:
        if day.weekday() != hours.weekday:
            return None
        opens_at, closes_at = (at.hour * 60 + at.minute for at in (hours.opens_at, hours.closes_at))
        if closes_at <= opens_at:
            closes_at += 24 * 60
        return Opening(moment_of(day, opens_at, self.zone), moment_of(day, closes_at, self.zone))

    def _whole_day(self, day: date) -> Opening:
        minutes = minutes_of(day, self.zone)
        return Opening(minutes[0], minutes[-1] + MINUTE)

    def _grid(self, opening: Opening) -> Iterator[datetime]:
        step = self.service.slot_interval_minutes
        return (moment for number, moment in enumerate(opening.minutes()) if number % step == 0)

    def _blocked(self, resource: Resource) -> Iterator[tuple[datetime, datetime]]:
        for allocation in Allocation.objects.filter(resource=resource):
            bookings = (
                Booking.objects.filter(session=allocation.session_id)
                if allocation.booking_id is None
                else Booking.objects.filter(pk=allocation.booking_id)
            )
            active = [booking for booking in bookings if self._is_active(booking)]
            if active:
                service = active[0].service
                yield (
                    active[0].starts_at - timedelta(minutes=service.buffer_before_minutes),
                    active[0].ends_at + timedelta(minutes=service.buffer_after_minutes),
                )

    def _is_active(self, booking: Booking) -> bool:
        if booking == self.rescheduled:
            return False
        ends = [end for end in (booking.hold_expires_at, booking.answer_by) if end is not None]
        return booking.status in ("held", "pending", "confirmed") and all(end > self.now for end in ends)
