"""Reserve a slot: lock the candidate resources, expire overdue holds, pick free resources.

Every path that could double-book goes through this module; the exclusion constraint on Allocation is the safety net.
A booking occupies one resource of each kind that its service lists: a doctor and, if the service lists rooms, a room.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from bookings.exceptions import OutsideHours, PartyTooLarge
from bookings.lifecycle import release_slot
from bookings.models import Booking, Resource, Service, Session
from bookings.scheduling.allocations import (
    ReservedSlot,
    expire_overdue,
    find_busy_resources,
    insert_allocations,
    pick_free_resources,
)
from bookings.scheduling.opening_hours import open_intervals
from bookings.scheduling.sessions import join_session
from foundation.intervals import Interval, find_containing

NOT_OFFERED = "This service is not offered at that time. GET /services/{slug}/availability lists the free slots."


def reserve_slot(
    service: Service,
    starts_at: datetime,
    requested: Resource | None,
    *,
    party_size: int,
    allow_any_minute: bool = False,
    current_booking: Booking | None = None,
) -> ReservedSlot:
    """Lock the candidate resources, expire overdue holds, and return a free slot. For a session, also take the places.

    ``allow_any_minute`` permits start times off the slot grid, for staff. The slot of ``current_booking`` is released
    once the resources are locked, so a reschedule does not conflict with itself.

    The row locks, acquired in key order, prevent double bookings. With the exclusion constraint alone, concurrent
    inserts would wait for each other and deadlock, and the places of a session that restarts would be miscounted.

    Raises OutsideHours, PartyTooLarge or SlotTaken.
    """
    if party_size > service.capacity:
        raise PartyTooLarge(service.capacity)
    ends_at = service.ends_at(starts_at)
    listed = _lock_listed_resources(service, requested, current_booking)
    if not listed or (requested is not None and requested not in listed):
        raise OutsideHours(NOT_OFFERED)
    kinds = Resource.by_kind(listed)
    open_resources = _find_open(service, kinds, starts_at, ends_at, allow_any_minute)
    if len(Resource.by_kind(open_resources)) < len(kinds):
        raise OutsideHours(NOT_OFFERED)
    if service.capacity > 1:
        return join_session(service, starts_at, open_resources, party_size)
    blocked = service.blocked(starts_at)
    return ReservedSlot(starts_at, ends_at, pick_free_resources(open_resources, blocked), blocked)


def write_allocations(booking: Booking, slot: ReservedSlot) -> None:
    """Replace the booking's allocations with those of ``slot``. A session has allocations of its own."""
    booking.allocations.all().delete()
    if slot.session is None:
        insert_allocations(slot.resources, slot.blocked, booking=booking)


def reclaim_slot(booking: Booking) -> bool:
    """Occupy the slot of an expired booking again if it is in the future, open and free; return whether it did."""
    session, owner = booking.session, booking.allocation_owner
    resources = _lock(Resource.objects.filter(pk__in=owner.allocations.values("resource_id")))
    if booking.starts_at <= timezone.now() or not _are_all_open(booking, resources):
        return False
    if session is not None:
        expire_overdue(Booking.objects.filter(session=session))
        session = Session.objects.select_for_update(no_key=True).get(pk=session.pk)
        occupied = set(session.allocations.values_list("resource_id", flat=True))
        if session.ends_at < booking.ends_at or occupied != {resource.pk for resource in resources}:
            return False  # it was restarted, and is shorter now or has other resources
    if session is None or session.booked == 0:
        allocations = list(owner.allocations.select_related("resource"))
        if any(find_busy_resources([allocation.resource], allocation.blocked) for allocation in allocations):
            return False
        owner.allocations.update(is_active=True)
    return session is None or session.take_places(booking.party_size)


def _lock_listed_resources(
    service: Service, requested: Resource | None, current_booking: Booking | None
) -> list[Resource]:
    """Lock and return the listed resources, those of ``current_booking`` first; release its slot."""
    listed = Resource.objects.listed_for(service, requested)
    if current_booking is None:
        return _lock(listed)
    # Also lock the resources to be released, all in key order, so that concurrent callers cannot deadlock.
    released_keys = set(current_booking.allocation_owner.allocations.values_list("resource_id", flat=True))
    keys = set(listed.values_list("pk", flat=True))
    locked = _lock(Resource.objects.filter(pk__in=keys | released_keys))
    release_slot(current_booking)
    locked.sort(key=lambda resource: resource.pk not in released_keys)
    return [resource for resource in locked if resource.pk in keys]


def _lock(resources: QuerySet[Resource]) -> list[Resource]:
    return list(resources.select_for_update(no_key=True, of=("self",)).order_by("pk"))


def _find_open(
    service: Service, kinds: list[list[Resource]], starts_at: datetime, ends_at: datetime, allow_any_minute: bool
) -> list[Resource]:
    """Return the active resources that are open for the whole visit, at a start on the main resource's slot grid."""
    active = [resource for kind in kinds for resource in kind if resource.is_active]
    intervals = _open_intervals(service, active, starts_at, ends_at)
    step = timedelta(minutes=service.slot_interval_minutes)
    open_resources = []
    for resource in active:
        interval = find_containing(intervals[resource.pk], starts_at, ends_at)
        is_main_kind = resource in kinds[0]
        if interval and (allow_any_minute or not is_main_kind or (starts_at - interval[0]) % step == timedelta(0)):
            open_resources.append(resource)
    return open_resources


def _are_all_open(booking: Booking, resources: list[Resource]) -> bool:
    intervals = _open_intervals(booking.service, resources, booking.starts_at, booking.ends_at)
    return all(
        resource.is_active and find_containing(intervals[resource.pk], booking.starts_at, booking.ends_at)
        for resource in resources
    )


def _open_intervals(
    service: Service, resources: list[Resource], starts_at: datetime, ends_at: datetime
) -> dict[int, list[Interval]]:
    zone = service.location.zone
    first, last = starts_at.astimezone(zone).date(), ends_at.astimezone(zone).date()
    return open_intervals(service.location, resources, first, last)
