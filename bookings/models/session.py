"""Sessions: classes and group events with shared capacity."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q

from bookings.models.resource import Resource
from bookings.models.service import Service


class Session(models.Model):
    """A class or group event that several bookings share. ``booked`` is the number of places that are taken.

    While any place is taken, it occupies its resources as a single booking would. It has as many places as its service
    has now: after the capacity was lowered, more can be taken than there are.
    """

    resource_keys: list[int]  # set by bookings.scheduling.sessions.with_resource_keys

    service = models.ForeignKey(Service, on_delete=models.PROTECT)
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
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
                name="session_starts_before_it_ends",
                condition=Q(starts_at__lt=F("ends_at")),
                violation_error_message="The session must end after it starts.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service} ({self.places})"

    @property
    def places(self) -> str:
        """How many places are taken, as staff read it."""
        return f"{self.booked} of {self.service.capacity} places taken"

    def suits(self, requested: Resource | None) -> bool:
        """Return whether a customer who requests this resource may join. Needs ``resource_keys``."""
        return requested is None or requested.pk in self.resource_keys

    def take_places(self, party_size: int, *, capacity: int) -> bool:
        """Take this many places if as many of ``capacity`` are left; return whether. A single UPDATE decides."""
        with_places = Session.objects.filter(pk=self.pk, booked__lte=capacity - party_size)
        return bool(with_places.update(booked=F("booked") + party_size))

    def restart(self, ends_at: datetime, party_size: int) -> None:
        """Reuse an empty session: set its end, release its resources, and take this many places."""
        self.allocations.all().delete()
        Session.objects.filter(pk=self.pk).update(ends_at=ends_at, booked=party_size)
        self.refresh_from_db(fields=["ends_at", "booked"])

    def release_places(self, party_size: int) -> bool:
        """Release this many places; return whether the session is empty now."""
        Session.objects.filter(pk=self.pk).update(booked=F("booked") - party_size)
        self.refresh_from_db(fields=["booked"])
        return self.booked == 0
