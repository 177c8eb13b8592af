"""Open a location of the demo at any time of the day, so that a visit can take place when the demo runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from bookings.models import Allocation, ScheduleException, Service

STEP = timedelta(minutes=15)


def open_now(slug: str) -> str:
    """Open the location of the service for the next visit; return the visit's start.

    It is this minute, or later if bookings of earlier demos occupy every resource now.
    """
    service = Service.objects.get(slug=slug)
    start = timezone.now().replace(second=0, microsecond=0)
    while not _has_free_resource(service, _blocked_interval(service, start)):
        start += STEP
    begin, end = _blocked_interval(service, start)
    ScheduleException.objects.create(
        location=service.location, starts_at=begin, ends_at=end, is_open=True, reason="The demo's visit"
    )
    return start.isoformat()


def _blocked_interval(service: Service, start: datetime) -> tuple[datetime, datetime]:
    begin = start - timedelta(minutes=service.buffer_before_minutes)
    return begin, service.ends_at(start) + timedelta(minutes=service.buffer_after_minutes)


def _has_free_resource(service: Service, interval: tuple[datetime, datetime]) -> bool:
    occupied = Allocation.objects.filter(is_active=True, blocked__overlap=interval).values("resource")
    return service.resources.filter(is_active=True).exclude(pk__in=occupied).exists()
