"""Locations: an address and its time zone."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models

from bookings.models.defaults import validate_timezone
from foundation.text_fields import LineField, NameField


class Location(models.Model):
    name = NameField(max_length=120)
    address = LineField(max_length=250, blank=True)
    timezone = models.CharField(max_length=60, default=settings.TIME_ZONE, validators=[validate_timezone])

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)
