"""Find free resources, and write the allocations that occupy them. Callers must hold the resource locks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from bookings.exceptions import SlotTaken
from bookings.lifecycle import expire_booking
from bookings.models import Allocation, Booking, Resource, Session
from bookings.models.booking import BookingQuerySet
from bookings.scheduling.preference import Preference
from foundation.events import Actor, ActorKind

BlockedRange = Any  # a half-open interval: a pair of datetimes, or a psycopg2 range


@dataclass(frozen=True)
class ReservedSlot:
    """A free slot and its resources, which stay locked until the transaction ends.

    ``session`` is set if the service's capacity is more than one. ``resources`` is empty if that session already
    occupies them.
    """

    starts_at: datetime
    ends_at: datetime
    resources: list[Resource]
    blocked: BlockedRange
    session: Session | None = None

    @property
    def resource(self) -> Resource:
        """The main resource of the booking."""
        return self.session.resource if self.session else self.resources[0]


def pick_free_resources(candidates: list[Resource], blocked: BlockedRange, preference: Preference) -> list[Resource]:
    """Return the preferred free resource of each kind, the main one first. Raises SlotTaken if a kind has none."""
    busy = find_busy_resources(candidates, blocked)
    free = [resource for resource in candidates if resource.pk not in busy]
    if len(Resource.by_kind(free)) < len(Resource.by_kind(candidates)):
        raise SlotTaken
    return [kind[0] for kind in Resource.by_kind(preference.sort(free))]


def find_busy_resources(resources: list[Resource], blocked: BlockedRange) -> set[int]:
    """Return the keys of the resources that are occupied during ``blocked``, after expiring overdue bookings."""
    overlapping = Allocation.objects.filter(resource__in=resources, is_active=True, blocked__overlap=blocked)
    keys = overlapping.values_list("resource_id", flat=True)
    busy = set(keys)
    if not busy:
        return busy
    occupying = Q(pk__in=overlapping.values("booking_id")) | Q(session__in=overlapping.values("session_id"))
    return set(keys.all()) if expire_overdue(Booking.objects.filter(occupying)) else busy


def expire_overdue(bookings: BookingQuerySet) -> bool:
    """Expire the overdue ones of ``bookings``; return whether there were any."""
    # A payment locks its booking first and the resource second. Waiting for it here would deadlock, so skip it.
    overdue = bookings.overdue().locked_for_transition()
    for booking in overdue:
        expire_booking(booking, Actor(ActorKind.SYSTEM))
    return bool(overdue)


def insert_allocations(resources: list[Resource], blocked: BlockedRange, **owner: Any) -> None:
    """Occupy the resources during ``blocked`` for the given ``booking`` or ``session``."""
    Allocation.objects.bulk_create(Allocation(resource=resource, blocked=blocked, **owner) for resource in resources)
