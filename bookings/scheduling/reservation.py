"""Reserve a slot: lock the candidate resources, expire overdue holds, pick free resources.

Every path that could double-book passes here; the exclusion constraint on Allocation is the safety net. A service takes
one resource of each kind that it lists: one of its doctors and, if it lists rooms, one of its rooms.
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

NOT_OFFERED = "Nobody offers this service at that time. GET /services/{slug}/availability lists the free ones."


def reserve_slot(
    service: Service,
    starts_at: datetime,
    wanted: Resource | None,
    *,
    people: int,
    at_any_minute: bool = False,
    instead_of: Booking | None = None,
) -> ReservedSlot:
    """Lock whoever could serve, free what has lapsed, and return who has the time free; give the people their places.

    ``instead_of`` gives up the time it has, once all are locked: it does not stand in its own way.

    The row locks, taken in key order, are the mechanism; the exclusion constraint is only the net under them, since
    inserts that wait for each other under the constraint alone deadlock. Raises OutsideHours, PartyTooLarge, SlotTaken.
    """
    if people > service.capacity:
        raise PartyTooLarge(service.capacity)
    ends_at = service.ends_at(starts_at)
    listed = _lock_listed(service, wanted, instead_of)
    if not listed or (wanted is not None and wanted not in listed):
        raise OutsideHours(NOT_OFFERED)
    kinds = Resource.by_kind(listed)
    present = _present(service, kinds, starts_at, ends_at, at_any_minute)
    if len(Resource.by_kind(present)) < len(kinds):
        raise OutsideHours(NOT_OFFERED)
    if service.capacity > 1:
        return join_session(service, starts_at, present, people)
    blocked = service.blocked(starts_at)
    return ReservedSlot(starts_at, ends_at, pick_free_resources(present, blocked), blocked)


def write_allocations(booking: Booking, slot: ReservedSlot) -> None:
    """Write down what a booking takes, in place of what it took; a session has done so for all who share it."""
    booking.allocations.all().delete()
    if slot.session is None:
        insert_allocations(slot.resources, slot.blocked, booking=booking)


def reclaim_slot(booking: Booking) -> bool:
    """Occupy the time of a lapsed booking again, if it is still to come, sold and free; return whether it was."""
    session, holder = booking.session, booking.allocation_owner
    resources = _lock(Resource.objects.filter(pk__in=holder.allocations.values("resource_id")))
    if booking.starts_at <= timezone.now() or not _all_present(booking, resources):
        return False
    if session is not None:
        expire_overdue(Booking.objects.filter(session=session))
        session = Session.objects.select_for_update(no_key=True).get(pk=session.pk)
        takes = set(session.allocations.values_list("resource_id", flat=True))
        if session.ends_at < booking.ends_at or takes != {resource.pk for resource in resources}:
            return False  # it has begun anew, and is shorter now or elsewhere
    if session is None or session.booked == 0:
        allocations = list(holder.allocations.select_related("resource"))
        if any(find_busy_resources([each.resource], each.blocked) for each in allocations):
            return False
        holder.allocations.update(is_active=True)
    return session is None or session.take_places(booking.party_size)


def _lock_listed(service: Service, wanted: Resource | None, instead_of: Booking | None) -> list[Resource]:
    """Lock all that the service lists; those who are given up come first, to be taken again if they can be."""
    listed = Resource.objects.listed_for(service, wanted)
    if instead_of is None:
        return _lock(listed)
    # Whoever is given up has to be locked as well, and all of them in one order.
    given_up = set(instead_of.allocation_owner.allocations.values_list("resource_id", flat=True))
    keys = set(listed.values_list("pk", flat=True))
    locked = _lock(Resource.objects.filter(pk__in=keys | given_up))
    release_slot(instead_of)
    locked.sort(key=lambda resource: resource.pk not in given_up)
    return [resource for resource in locked if resource.pk in keys]


def _lock(resources: QuerySet[Resource]) -> list[Resource]:
    return list(resources.select_for_update(no_key=True, of=("self",)).order_by("pk"))


def _present(
    service: Service, kinds: list[list[Resource]], starts_at: datetime, ends_at: datetime, at_any_minute: bool
) -> list[Resource]:
    """Return those who are at work for the whole visit, and whose visits may start at that minute."""
    at_work = [resource for kind in kinds for resource in kind if resource.is_active]
    spans = _spans(service, at_work, starts_at, ends_at)
    interval = timedelta(minutes=service.slot_interval_minutes)
    present = []
    for resource in at_work:
        span = find_containing(spans[resource.pk], starts_at, ends_at)
        is_leading = resource in kinds[0]
        if span and (at_any_minute or not is_leading or (starts_at - span[0]) % interval == timedelta(0)):
            present.append(resource)
    return present


def _all_present(booking: Booking, resources: list[Resource]) -> bool:
    spans = _spans(booking.service, resources, booking.starts_at, booking.ends_at)
    return all(
        resource.is_active and find_containing(spans[resource.pk], booking.starts_at, booking.ends_at)
        for resource in resources
    )


def _spans(
    service: Service, resources: list[Resource], starts_at: datetime, ends_at: datetime
) -> dict[int, list[Interval]]:
    zone = service.location.zone
    return open_intervals(
        service.location, resources, starts_at.astimezone(zone).date(), ends_at.astimezone(zone).date()
    )
