"""Which resources are free in an interval, and the allocations that occupy them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from bookings.exceptions import SlotTaken
from bookings.lifecycle import expire_booking
from bookings.models import Allocation, Booking, Resource, Session
from bookings.models.booking import BookingQuerySet
from foundation.events import Actor, ActorKind

BlockedRange = Any  # a half-open range of time: a pair, or PostgreSQL's own


@dataclass(frozen=True)
class ReservedSlot:
    """A time that has been found free, and who it is with; all of them stay locked until the transaction ends."""

    starts_at: datetime
    ends_at: datetime
    resources: list[Resource]
    blocked: BlockedRange
    session: Session | None = field(default=None)

    @property
    def resource(self) -> Resource:
        return self.session.resource if self.session else self.resources[0]


def pick_free_resources(present: list[Resource], blocked: BlockedRange) -> list[Resource]:
    """Return a free resource of each kind, the leading one first."""
    busy = find_busy_resources(present, blocked)
    free = Resource.by_kind(resource for resource in present if resource.pk not in busy)
    if len(free) < len(Resource.by_kind(present)):
        raise SlotTaken
    return [resources[0] for resources in free]


def insert_allocations(resources: list[Resource], blocked: BlockedRange, **holder: Any) -> None:
    Allocation.objects.bulk_create(Allocation(resource=each, blocked=blocked, **holder) for each in resources)


def find_busy_resources(resources: list[Resource], blocked: BlockedRange) -> set[int]:
    """Return the keys of those that are occupied at some moment of ``blocked``, after freeing what has lapsed."""
    overlapping = Allocation.objects.filter(resource__in=resources, is_active=True, blocked__overlap=blocked)
    keys = overlapping.values_list("resource_id", flat=True)
    busy = set(keys)
    if not busy:
        return busy
    ours = Q(pk__in=overlapping.values("booking_id")) | Q(session__in=overlapping.values("session_id"))
    return set(keys.all()) if expire_overdue(Booking.objects.filter(ours)) else busy


def expire_overdue(bookings: BookingQuerySet) -> bool:
    # A payment locks its booking first and the resource second: waiting for it here would deadlock, so it wins.
    lapsed = bookings.overdue().locked_for_transition()
    for booking in lapsed:
        expire_booking(booking, Actor(ActorKind.SYSTEM))
    return bool(lapsed)
