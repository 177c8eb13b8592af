"""Resources: the staff, rooms and equipment that a booking occupies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from django.db import models
from django.db.models import Q

from bookings.models.location import Location
from bookings.models.service import Service
from foundation.text_fields import NameField


class ResourceQuerySet(models.QuerySet["Resource"]):
    def listed_for(self, service: Service, requested: Resource | None = None) -> Self:
        """Return the service's resources at its location, active or not. ``requested`` excludes others of its kind.

        A booking occupies one resource of each listed kind. If a kind has no active one, the service cannot be booked.
        """
        listed = self.filter(services=service, locations=service.location_id)
        return listed if requested is None else listed.filter(Q(pk=requested.pk) | ~Q(kind=requested.kind))


class Resource(models.Model):
    """What a booking occupies. It has one calendar, also if it serves several locations.

    Its working hours name the location at which it is. Without any, a room or a piece of equipment is always open at
    each of its locations.
    """

    class Kind(models.TextChoices):
        STAFF = "staff"
        ROOM = "room"
        EQUIPMENT = "equipment"

    # In order of precedence: a booking's main resource is of the first kind that it occupies.
    KINDS = [Kind.STAFF, Kind.ROOM, Kind.EQUIPMENT]

    locations = models.ManyToManyField(Location, related_name="resources")
    name = NameField(max_length=120)
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
        """Group the resources by kind. A booking occupies one of each group; the main resource is of the first."""
        groups: dict[str, list[Self]] = {kind: [] for kind in cls.KINDS}
        for resource in resources:
            groups[resource.kind].append(resource)
        return [group for group in groups.values() if group]
