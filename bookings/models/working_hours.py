"""Weekly working hours of a resource."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from bookings.models.resource import Resource


class WorkingHours(models.Model):
    """A weekly opening interval of a resource, in the local time of its location."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0
        TUESDAY = 1
        WEDNESDAY = 2
        THURSDAY = 3
        FRIDAY = 4
        SATURDAY = 5
        SUNDAY = 6

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="working_hours")
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices)
    opens_at = models.TimeField()
    closes_at = models.TimeField()

    class Meta:
        ordering = ["resource", "weekday", "opens_at"]
        verbose_name_plural = "working hours"
        constraints = [
            models.CheckConstraint(
                name="opens_before_it_closes",
                condition=Q(opens_at__lt=F("closes_at")),
                violation_error_message="The closing time must be after the opening time.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M}–{self.closes_at:%H:%M}"
