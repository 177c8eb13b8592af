"""Resources: the staff, rooms and equipment that a booking occupies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.db.models import Q

from bookings.models.location import Location
from bookings.models.service import Service


class ResourceQuerySet(models.QuerySet["Resource"]):
    def listed_for(self, service: Service, wanted: Resource | None = None) -> Self:
        """All that a service lists at its location, at work or not; of the kind of ``wanted``, that one alone.

        A service takes one of each kind that is listed: where none of a kind is at work, it cannot be had at all.
        """
        listed = self.filter(services=service, location=service.location_id)
        return listed if wanted is None else listed.filter(Q(pk=wanted.pk) | ~Q(kind=wanted.kind))


class Resource(models.Model):
    class Kind(models.TextChoices):
        STAFF = "staff"
        ROOM = "room"
        EQUIPMENT = "equipment"

    # Whom a booking is said to be with: the first of these kinds that it takes.
    KINDS = [Kind.STAFF, Kind.ROOM, Kind.EQUIPMENT]

    location = models.ForeignKey(Location, on_delete=models.PROTECT)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.STAFF)
    services = models.ManyToManyField(Service, related_name="resources", blank=True)
    is_active = models.BooleanField(default=True)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def by_kind(cls, resources: Iterable[Self]) -> list[list[Self]]:
        """Return the resources in groups of one kind: a service takes one of each, and is named by the first."""
        groups: dict[str, list[Self]] = {kind: [] for kind in cls.KINDS}
        for resource in resources:
            groups[resource.kind].append(resource)
        return [group for group in groups.values() if group]
