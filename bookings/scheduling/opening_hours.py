"""When somebody works: weekly hours on the wall clock, holidays and exceptions, as moments on the one time line.

Booking and availability both ask here, so what is offered is what can be booked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

from django.db.models import Q

from bookings.models import Location, Resource, ScheduleException, WorkingHours
from foundation.intervals import Interval, merge, subtract


def open_intervals(
    location: Location, resources: Iterable[Resource], first: date, last: date
) -> dict[int, list[Interval]]:
    """Return, by resource, when it can be booked on the days from ``first`` to ``last`` of the location's calendar.

    Times are UTC. An exception of the resource itself stands over one of its location, and closing over opening.
    A room or a device without any hours follows those who use it: it is always open.
    """
    keys = [resource.pk for resource in resources]
    start, end = midnight(first, location.zone), midnight(last + timedelta(days=1), location.zone)
    weekly = _weekly(keys, first, last, location.zone)
    exceptions = _exceptions(location, keys, start, end)
    spans = {}
    for resource in resources:
        own, general = exceptions[resource.pk], exceptions[None]
        if resource.pk in weekly:
            usual = weekly[resource.pk]
        else:
            usual = [] if resource.kind == Resource.Kind.STAFF else [(start, end)]
        for opened, closed in (general, own):
            usual = subtract(merge([*usual, *opened]), merge(closed))
        spans[resource.pk] = usual
    return spans


def each_day(first: date, last: date) -> Iterator[date]:
    """Yield the days from ``first`` to ``last``."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the moment at which a day begins."""
    return _moment(day, time(0), zone)


def _weekly(keys: list[int], first: date, last: date, zone: ZoneInfo) -> dict[int, list[Interval]]:
    by_weekday = defaultdict(list)
    spans: dict[int, list[Interval]] = {}
    hours = WorkingHours.objects.filter(resource__in=keys).values_list("resource", "weekday", "opens_at", "closes_at")
    for key, weekday, opens_at, closes_at in hours.order_by():
        by_weekday[weekday].append((key, opens_at, closes_at))
        spans[key] = []
    moment = cache(partial(_moment, zone=zone))  # most people keep the same hours
    for day in each_day(first, last):
        for key, opens_at, closes_at in by_weekday[day.weekday()]:
            spans[key].append((moment(day, opens_at), moment(day, closes_at)))
    return spans


def _exceptions(
    location: Location, keys: list[int], start: datetime, end: datetime
) -> dict[int | None, tuple[list[Interval], list[Interval]]]:
    """Return what is opened and what is closed, by resource; under None what holds for all of them."""
    found: dict[int | None, tuple[list[Interval], list[Interval]]] = defaultdict(lambda: ([], []))
    rows = ScheduleException.objects.filter(
        Q(resource__in=keys) | Q(resource=None, location=location), starts_at__lt=end, ends_at__gt=start
    )
    for row in rows:
        opened, closed = found[row.resource_id]
        (opened if row.is_open else closed).append((max(row.starts_at, start), min(row.ends_at, end)))
    return found


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    # A time that the clocks leap over is read as the moment of the leap's other side, as PEP 495 has it with fold=0.
    return datetime.combine(day, at, zone).astimezone(UTC)
