"""The reminder settings that the bookings of each service follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from bookings.models import Service

# A transaction that has read the earlier settings has ended by then, so its booking is planned again as well.
SETTLE = timedelta(seconds=30)


class ReminderSettingsQuerySet(models.QuerySet["ReminderSettings"]):
    def replan(self, **fields: Any) -> None:
        """Make the bookings of these services due for planning again, from the first one, and set ``fields``."""
        self.update(revision=F("revision") + 1, replan_at=Now() + SETTLE, last_booking=None, **fields)


class ReminderSettings(models.Model):
    """The settings of a service that the reminders of its bookings follow, or are being planned again to follow.

    ``revision`` counts the changes. ``replan_at``: when the bookings are due to be planned again, or None if they have
    been; ``last_booking``: how far that has come.
    """

    service = models.OneToOneField(Service, primary_key=True, on_delete=models.CASCADE, related_name="+")
    minutes = ArrayField(models.PositiveIntegerField())
    revision = models.PositiveIntegerField(default=1)
    replan_at = models.DateTimeField(null=True, db_index=True)
    last_booking = models.UUIDField(null=True)

    objects = ReminderSettingsQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.service)
