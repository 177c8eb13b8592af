"""Open a location of the demo at any time of the day, so that a visit can take place when the demo runs."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from bookings.models import ScheduleException, Service


def open_now(slug: str) -> str:
    """Open the location of the service for the next visit; return the visit's start, this minute."""
    service = Service.objects.get(slug=slug)
    start = timezone.now().replace(second=0, microsecond=0)
    ScheduleException.objects.create(
        location=service.location,
        starts_at=start - timedelta(minutes=service.buffer_before_minutes),
        ends_at=service.ends_at(start) + timedelta(minutes=service.buffer_after_minutes),
        is_open=True,
        reason="The demo's visit",
    )
    return start.isoformat()
