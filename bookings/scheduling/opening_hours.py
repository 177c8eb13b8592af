"""When resources are open: weekly hours in local time, holidays and exceptions, as intervals in UTC.

Both availability and reservation use them, so a slot that is offered can be booked.
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
    """Return each resource's open intervals, by key, from ``first`` to ``last`` (local dates, inclusive).

    An exception of the resource overrides one of its location, and closing overrides opening. A room or a piece of
    equipment without working hours is always open.
    """
    keys = [resource.pk for resource in resources]
    start, end = midnight(first, location.zone), midnight(last + timedelta(days=1), location.zone)
    weekly = _weekly_intervals(keys, first, last, location.zone)
    exceptions = _exceptions(location, keys, start, end)
    intervals = {}
    for resource in resources:
        if resource.pk in weekly:
            hours = weekly[resource.pk]
        else:
            hours = [] if resource.kind == Resource.Kind.STAFF else [(start, end)]
        for opened, closed in (exceptions[None], exceptions[resource.pk]):
            hours = subtract(merge([*hours, *opened]), merge(closed))
        intervals[resource.pk] = hours
    return intervals


def each_day(first: date, last: date) -> Iterator[date]:
    """Yield the days from ``first`` to ``last``, inclusive."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the start of the local day, in UTC."""
    return _local_to_utc(day, time(0), zone)


def _weekly_intervals(keys: list[int], first: date, last: date, zone: ZoneInfo) -> dict[int, list[Interval]]:
    by_weekday = defaultdict(list)
    intervals: dict[int, list[Interval]] = {}
    hours = WorkingHours.objects.filter(resource__in=keys).values_list("resource", "weekday", "opens_at", "closes_at")
    for key, weekday, opens_at, closes_at in hours.order_by():
        by_weekday[weekday].append((key, opens_at, closes_at))
        intervals[key] = []
    to_utc = cache(partial(_local_to_utc, zone=zone))  # most resources have the same hours
    for day in each_day(first, last):
        for key, opens_at, closes_at in by_weekday[day.weekday()]:
            intervals[key].append((to_utc(day, opens_at), to_utc(day, closes_at)))
    return intervals


def _exceptions(
    location: Location, keys: list[int], start: datetime, end: datetime
) -> dict[int | None, tuple[list[Interval], list[Interval]]]:
    """Return (open, closed) intervals by resource key; the key None is the whole location."""
    by_resource: dict[int | None, tuple[list[Interval], list[Interval]]] = defaultdict(lambda: ([], []))
    rows = ScheduleException.objects.filter(
        Q(resource__in=keys) | Q(resource=None, location=location), starts_at__lt=end, ends_at__gt=start
    )
    for row in rows:
        opened, closed = by_resource[row.resource_id]
        (opened if row.is_open else closed).append((max(row.starts_at, start), min(row.ends_at, end)))
    return by_resource


def _local_to_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    # A time in the gap of a DST transition is interpreted with the offset before the gap, as PEP 495 does with fold=0.
    return datetime.combine(day, at, zone).astimezone(UTC)
