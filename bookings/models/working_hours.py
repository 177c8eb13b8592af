"""Weekly working hours of a resource."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import models

from bookings.models.location import Location
from bookings.models.resource import Resource

ONE_DAY, ONE_WEEK = timedelta(days=1), timedelta(weeks=1)


class WorkingHours(models.Model):
    """A weekly opening interval of a resource at a location, in the local time of that location.

    An end that is not after the start is on the next day: from 09:00 to 00:00 ends with the day, from 22:00 to 02:00 in
    the night after it, and from 06:00 to 06:00 lasts 24 hours.
    """

    class Weekday(models.IntegerChoices):
        MONDAY = 0
        TUESDAY = 1
        WEDNESDAY = 2
        THURSDAY = 3
        FRIDAY = 4
        SATURDAY = 5
        SUNDAY = 6

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="working_hours")
    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices)
    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        ordering = ["resource", "weekday", "opens_at"]
        verbose_name_plural = "working hours"

    def __str__(self) -> str:
        closes_at = "24:00" if self.closes_at == time(0) else f"{self.closes_at:%H:%M}"
        next_day = " the next day" if time(0) < self.closes_at <= self.opens_at else ""
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M}–{closes_at}{next_day}"

    @property
    def duration(self) -> timedelta:
        """The length on a day without a DST transition."""
        return (_since_midnight(self.closes_at) - _since_midnight(self.opens_at)) % ONE_DAY or ONE_DAY

    def overlaps(self, other: WorkingHours) -> bool:
        """Return whether some time of the week is in both; between two time zones, at some time of the year."""
        starts = [timedelta(days=row.weekday) + _since_midnight(row.opens_at) for row in (self, other)]
        for ahead in _differences(other.location.zone, self.location.zone):
            distance = (starts[1] - starts[0] - ahead) % ONE_WEEK
            if distance < self.duration or ONE_WEEK - distance < other.duration:
                return True
        return False


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


def _differences(zone: ZoneInfo, other: ZoneInfo) -> set[timedelta]:
    """Return by how much the clocks of ``zone`` are ahead of those of ``other`` in the weeks of the coming year."""
    weeks = [datetime.now(UTC) + number * ONE_WEEK for number in range(53)]
    return {week.astimezone(zone).replace(tzinfo=UTC) - week.astimezone(other).replace(tzinfo=UTC) for week in weeks}
