"""Update locations."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from bookings.models import Location, ScheduleException


@transaction.atomic
def update_location(*, location: Location) -> None:
    """Save a new or changed location. If its time zone was corrected, its exceptions keep their local times.

    So do opening hours, which are stored as local times. Bookings keep their instant and the time zone in which their
    customers know it.
    """
    previous = Location.objects.select_for_update(no_key=True).filter(pk=location.pk).first()
    location.save()
    if previous is None or previous.timezone == location.timezone:
        return
    for exception in ScheduleException.objects.select_for_update(no_key=True).filter(location=location).order_by("pk"):
        duration = exception.ends_at - exception.starts_at
        exception.starts_at = _at_same_local_time(exception.starts_at, previous.zone, location.zone)
        exception.ends_at = _at_same_local_time(exception.ends_at, previous.zone, location.zone)
        if exception.ends_at <= exception.starts_at:  # it lies in an hour that a DST transition skips
            exception.ends_at = exception.starts_at + duration
        exception.save(update_fields=["starts_at", "ends_at"])


def _at_same_local_time(at: datetime, previous: ZoneInfo, zone: ZoneInfo) -> datetime:
    return at.astimezone(previous).replace(tzinfo=zone).astimezone(UTC)
