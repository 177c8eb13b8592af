"""A time that several bookings share."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from bookings.models.resource import Resource
from bookings.models.service import Service


class Session(models.Model):
    """A time that several bookings share, such as a class. ``booked`` counts the people of all that still stand.

    It occupies its resources as a single booking would, for as long as anybody is coming.
    """

    service = models.ForeignKey(Service, on_delete=models.PROTECT)
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    capacity = models.PositiveSmallIntegerField()
    booked = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["-starts_at"]
        constraints = [
            models.UniqueConstraint(name="one_session_at_a_time", fields=["service", "resource", "starts_at"]),
            models.CheckConstraint(name="nobody_without_a_place", condition=Q(booked__lte=F("capacity"))),
            models.CheckConstraint(name="session_starts_before_it_ends", condition=Q(starts_at__lt=F("ends_at"))),
        ]

    def __str__(self) -> str:
        return f"{self.service} ({self.booked} of {self.capacity})"

    def take_places(self, people: int) -> bool:
        """Give so many people a place if there are enough; return whether there were. One UPDATE decides."""
        with_room = Session.objects.filter(pk=self.pk, booked__lte=F("capacity") - people)
        return bool(with_room.update(booked=F("booked") + people))

    def restart(self, ends_at: datetime, capacity: int, people: int) -> None:
        """Make of a session that all have left what it is today, with so many people in it."""
        self.allocations.all().delete()
        Session.objects.filter(pk=self.pk).update(ends_at=ends_at, capacity=capacity, booked=people)
        self.refresh_from_db(fields=["ends_at", "capacity", "booked"])

    def release_places(self, people: int) -> bool:
        """Take so many people's places back; return whether that was the last of them."""
        Session.objects.filter(pk=self.pk).update(booked=F("booked") - people)
        self.refresh_from_db(fields=["booked"])
        return self.booked == 0
