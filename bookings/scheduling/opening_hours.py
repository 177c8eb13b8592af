"""When resources are open: weekly hours in local time, holidays and exceptions, as intervals in UTC.

Both availability and reservation use them, so a slot that is offered can be booked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, Q, Subquery, Value
from django.db.models.functions import Least

from bookings.models import Location, Resource, ScheduleException, WorkingHours
from foundation.intervals import Interval, cut_overlaps, merge, subtract

ONE_DAY = timedelta(days=1)


def open_intervals(
    location: Location, resources: Collection[Resource], first: date, last: date
) -> dict[int, list[Interval]]:
    """Return each resource's open intervals at the location, by key, from ``first`` to ``last`` (local, inclusive).

    An exception of the resource overrides one of the location, and closing overrides opening. Extra hours of a resource
    at another location close it here. A room or a piece of equipment without any working hours is always open.

    Slots count from the start of their interval. So each opening (weekly hours, extra hours, or one day of what is
    always open) is an interval of its own, also if it touches the next; and the first one has its true start, which can
    be before ``first``. Where openings overlap, the later one begins when the earlier one ends; extra hours only add to
    the others.
    """
    keys = [resource.pk for resource in resources]
    zone = location.zone
    # The opening to which the first moment belongs starts on the day before, or with extra hours that began earlier.
    start, end = midnight(first - ONE_DAY, zone), midnight(last + ONE_DAY, zone)
    exceptions = _load_exceptions(location, keys, start, end)
    start = min([start, *(opens for opened, _ in exceptions.values() for opens, _ in opened)])
    # Overlaps with openings of the day before decide where openings begin.
    days = list(each_day(start.astimezone(zone).date() - ONE_DAY, last))
    weekly = _weekly_intervals(location, keys, days)
    always = [(midnight(day, zone), midnight(day + ONE_DAY, zone)) for day in days]
    after_end = [(end, datetime.max.replace(tzinfo=UTC))]
    intervals = {}
    for resource in resources:
        hours = cut_overlaps(weekly.get(resource.pk, [] if resource.kind == Resource.Kind.STAFF else always))
        for opened, closed in (exceptions[None], exceptions[resource.pk]):
            added = subtract(cut_overlaps(opened), merge(hours))
            hours = subtract(sorted([*hours, *added]), merge(closed))
        intervals[resource.pk] = subtract(hours, after_end)
    return intervals


def each_day(first: date, last: date) -> Iterator[date]:
    """Yield the days from ``first`` to ``last``, inclusive."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the start of the local day, in UTC."""
    return _local_to_utc(day, time(0), zone)


def _weekly_intervals(location: Location, keys: list[int], days: list[date]) -> dict[int, list[Interval]]:
    """Return the weekly hours at the location that begin on the given days, of each resource with hours anywhere."""
    by_weekday = defaultdict(list)
    intervals: dict[int, list[Interval]] = {}
    hours = WorkingHours.objects.filter(resource__in=keys).order_by()
    rows = hours.values_list("resource", "location", "weekday", "opens_at", "closes_at")
    for key, place, weekday, opens_at, closes_at in rows:
        intervals[key] = []
        if place == location.pk:
            by_weekday[weekday].append((key, opens_at, closes_at))
    to_utc = cache(partial(_local_to_utc, zone=location.zone))  # most resources have the same hours
    for day in days:
        for key, opens_at, closes_at in by_weekday[day.weekday()]:
            last_day = day if opens_at < closes_at else day + ONE_DAY
            intervals[key].append((to_utc(day, opens_at), to_utc(last_day, closes_at)))
    return intervals


def _load_exceptions(
    location: Location, keys: list[int], start: datetime, end: datetime
) -> dict[int | None, tuple[list[Interval], list[Interval]]]:
    """Return (open, closed) intervals by resource key; the key None is the whole location.

    They overlap the time from ``start``, or from the beginning of extra hours that overlap it, to ``end``.
    """
    by_resource: dict[int | None, tuple[list[Interval], list[Interval]]] = defaultdict(lambda: ([], []))
    rows = ScheduleException.objects.filter(
        Q(resource__in=keys) | Q(resource=None, location=location), starts_at__lt=end
    )
    extra_hours = rows.filter(is_open=True, ends_at__gt=start).order_by("starts_at")
    earliest = Least(Subquery(extra_hours.values("starts_at")[:1]), Value(start, DateTimeField()))
    for row in rows.filter(ends_at__gt=earliest):
        opened, closed = by_resource[row.resource_id]
        is_open_here = row.is_open and row.location_id == location.pk
        (opened if is_open_here else closed).append((row.starts_at, row.ends_at))
    return by_resource


def _local_to_utc(day: date, at: time, zone: ZoneInfo) -> datetime:
    # A time in the gap of a DST transition is interpreted with the offset before the gap, as PEP 495 does with fold=0.
    return datetime.combine(day, at, zone).astimezone(UTC)
