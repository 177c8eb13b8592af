"""The reminder settings that the bookings of each service follow."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from bookings.models import Service


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

    def __str__(self) -> str:
        return str(self.service)
