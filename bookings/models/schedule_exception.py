"""Exceptions to the weekly working hours."""

from __future__ import annotations

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q

from bookings.models.location import Location
from bookings.models.resource import Resource
from foundation.text_fields import LineField


class ScheduleException(models.Model):
    """An interval in which the weekly hours do not apply: a holiday, a day off, or extra hours.

    Of a resource, time off counts at all of its locations. Extra hours are at ``location``, and close the others.
    """

    location = models.ForeignKey(Location, on_delete=models.CASCADE)
    resource = models.ForeignKey(
        Resource, null=True, blank=True, on_delete=models.CASCADE, help_text="Leave empty for the whole location."
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    is_open = models.BooleanField(default=False, help_text="Open during this time instead of closed.")
    reason = LineField(max_length=120, blank=True)

    class Meta:
        ordering = ["-starts_at"]
        indexes = [models.Index(fields=["location", "ends_at"], name="exception_by_end")]
        constraints = [
            models.CheckConstraint(
                name="exception_takes_time",
                condition=Q(starts_at__lt=F("ends_at")),
                violation_error_message="The exception must end after it starts.",
            ),
        ]

    def __str__(self) -> str:
        return self.reason or ("open" if self.is_open else "closed")

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        super().clean_fields(exclude)
        if {"location", "resource"} & {*(exclude or ())}:  # their input is invalid: the instance has the old values
            return
        if self.resource is not None and not self.resource.locations.filter(pk=self.location_id).exists():
            raise ValidationError(
                {"resource": "This resource is not at that location. Choose one of its locations, or another resource."}
            )
