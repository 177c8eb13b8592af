"""Sessions: classes and group events with shared capacity."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from bookings.models.resource import Resource
from bookings.models.service import Service


class Session(models.Model):
    """A class or group event that several bookings share. ``booked`` is the number of places that are taken.

    While any place is taken, it occupies its resources as a single booking would.
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
            models.UniqueConstraint(
                name="one_session_at_a_time",
                fields=["service", "resource", "starts_at"],
                violation_error_message="This service already has a session with that resource at that time.",
            ),
            models.CheckConstraint(
                name="nobody_without_a_place",
                condition=Q(booked__lte=F("capacity")),
                violation_error_message="More places are taken than the session has.",
            ),
            models.CheckConstraint(
                name="session_starts_before_it_ends",
                condition=Q(starts_at__lt=F("ends_at")),
                violation_error_message="The session must end after it starts.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} ({self.booked} of {self.capacity})"

    def take_places(self, party_size: int) -> bool:
        """Take this many places if they are available; return whether they were. A single UPDATE decides."""
        with_capacity = Session.objects.filter(pk=self.pk, booked__lte=F("capacity") - party_size)
        return bool(with_capacity.update(booked=F("booked") + party_size))

    def restart(self, ends_at: datetime, capacity: int, party_size: int) -> None:
        """Reuse an empty session: set its end and capacity, and take this many places."""
        self.allocations.all().delete()
        Session.objects.filter(pk=self.pk).update(ends_at=ends_at, capacity=capacity, booked=party_size)
        self.refresh_from_db(fields=["ends_at", "capacity", "booked"])

    def release_places(self, party_size: int) -> bool:
        """Release this many places; return whether the session is empty now."""
        Session.objects.filter(pk=self.pk).update(booked=F("booked") - party_size)
        self.refresh_from_db(fields=["booked"])
        return self.booked == 0
