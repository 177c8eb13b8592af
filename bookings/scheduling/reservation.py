"""Reserve a slot: lock the candidate resources, expire overdue holds, pick free resources.

Every path that could double-book goes through this module; the exclusion constraint on Allocation is the safety net.
A booking occupies one resource of each kind that its service lists: a doctor and, if the service lists rooms, a room.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from django.db.models import Q, QuerySet

from bookings.exceptions import OutsideHours, PartyTooLarge, SlotTaken
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
from bookings.scheduling.preference import Preference
from bookings.scheduling.sessions import lock_sessions, start_session
from foundation.clock import database_now
from foundation.intervals import Interval, find_containing

NOT_OFFERED = "This service is not offered at that time. Pick another one."


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

    ``allow_any_minute`` permits start times off the slot grid, for staff. Once the resources are locked, ``service`` is
    read again, because staff may have changed it in the meantime, and the slot of ``current_booking`` is released, so a
    reschedule does not conflict with itself.

    The row locks, acquired in key order, prevent double bookings. With the exclusion constraint alone, concurrent
    inserts would wait for each other and deadlock, and the places of a session that restarts would be miscounted.

    Raises OutsideHours, PartyTooLarge or SlotTaken.
    """
    released = _occupied_keys(current_booking) if current_booking else frozenset()
    locked = _lock_listed(service, requested, released)
    if current_booking is not None:
        release_slot(current_booking)
    if party_size > service.capacity:
        raise PartyTooLarge(service.capacity)
    usable = _find_usable(service, requested, locked)
    preference = Preference(service, starts_at, released)
    sessions = lock_sessions(service, starts_at, usable, requested) if service.capacity > 1 else []
    ends_at = service.ends_at(starts_at)
    hours = _Hours.load(service, usable, starts_at, max([ends_at, *(session.ends_at for session in sessions)]))
    joinable = [session for session in sessions if hours.admit_session(session, allow_any_minute)]
    if slot := _join_session(service, joinable, party_size, preference):
        return slot
    candidates = hours.open_resources(ends_at, allow_any_minute)
    if len(Resource.by_kind(candidates)) < len(Resource.by_kind(usable)):
        raise SlotTaken if joinable else OutsideHours(NOT_OFFERED)
    return _take_free_slot(service, starts_at, candidates, preference, party_size)


def write_allocations(booking: Booking, slot: ReservedSlot) -> None:
    """Replace the booking's allocations with those of ``slot``. A session has allocations of its own."""
    booking.allocations.all().delete()
    if slot.session is None:
        insert_allocations(slot.resources, slot.blocked, booking=booking)


def reclaim_slot(booking: Booking) -> bool:
    """Occupy the slot of an expired booking again if it is in the future, open and free; return whether it did.

    A class may have started again in the meantime: it must still be as long, and have the resource that was asked for.
    """
    session, owner = booking.session, booking.allocation_owner
    keys = _occupied_keys(booking)
    _lock(Resource.objects.filter(pk__in=keys))
    _reload(booking.service)
    resources = list(Resource.objects.listed_for(booking.service).filter(pk__in=keys))
    if not keys or len(resources) < len(keys) or booking.requested_resource_id not in (None, *keys):
        return False
    if booking.starts_at <= database_now() or not _are_all_open(booking, resources):
        return False
    if session is not None:
        expire_overdue(Booking.objects.filter(session=session))
        session = Session.objects.select_for_update(no_key=True).get(pk=session.pk)
        if session.ends_at < booking.ends_at or _occupied_keys(booking) != keys:
            return False
    if session is None or session.booked == 0:
        allocations = list(owner.allocations.select_related("resource"))
        if any(find_busy_resources([allocation.resource], allocation.blocked) for allocation in allocations):
            return False
        owner.allocations.update(is_active=True)
    return session is None or session.take_places(booking.party_size, capacity=booking.service.capacity)


def _lock_listed(service: Service, requested: Resource | None, released: frozenset[int]) -> list[Resource]:
    """Lock the listed resources and those to be released, and read ``service`` again.

    One statement locks them all in key order, so that concurrent callers cannot deadlock.
    """
    listed = Resource.objects.listed_for(service, requested).values("pk")
    locked = _lock(Resource.objects.filter(Q(pk__in=listed) | Q(pk__in=released)))
    _reload(service)
    return locked


def _find_usable(service: Service, requested: Resource | None, locked: list[Resource]) -> list[Resource]:
    """Return the listed resources that are active. Raises OutsideHours if ``requested`` or all of a kind are not.

    The list is read again: a statement that waited for a lock has read which resources offer the service before it
    waited. Resources that were added since then are not locked, so they cannot be used.
    """
    listed = list(Resource.objects.listed_for(service, requested).order_by("pk"))
    usable = [resource for resource in listed if resource.is_active and resource in locked]
    is_complete = len(Resource.by_kind(usable)) == len(Resource.by_kind(listed))
    if not usable or not is_complete or (requested is not None and requested not in usable):
        raise OutsideHours(NOT_OFFERED)
    return usable


def _reload(service: Service) -> None:
    """Read the service and its location again. Raises OutsideHours if it was deleted."""
    try:
        service.refresh_from_db(from_queryset=Service.objects.select_related("location"))
    except Service.DoesNotExist as error:
        raise OutsideHours(NOT_OFFERED) from error


def _occupied_keys(booking: Booking) -> frozenset[int]:
    return frozenset(booking.allocation_owner.allocations.values_list("resource_id", flat=True))


def _lock(resources: QuerySet[Resource]) -> list[Resource]:
    return list(resources.select_for_update(no_key=True).order_by("pk"))


def _join_session(
    service: Service, joinable: list[Session], party_size: int, preference: Preference
) -> ReservedSlot | None:
    """Take places in the preferred session that has enough; return None if none has."""
    order = preference.sort([session.resource for session in joinable])
    for session in sorted(joinable, key=lambda session: order.index(session.resource)):
        if session.take_places(party_size, capacity=service.capacity):
            # It keeps its original end, even if the service has changed.
            return ReservedSlot(session.starts_at, session.ends_at, [], service.blocked(session.starts_at), session)
    return None


def _take_free_slot(
    service: Service, starts_at: datetime, candidates: list[Resource], preference: Preference, party_size: int
) -> ReservedSlot:
    """Return the slot with the preferred free resources. For a session, start it."""
    blocked = service.blocked(starts_at)
    resources = pick_free_resources(candidates, blocked, preference)
    session = start_session(service, starts_at, resources, blocked, party_size) if service.capacity > 1 else None
    return ReservedSlot(starts_at, service.ends_at(starts_at), resources, blocked, session)


@dataclass(frozen=True)
class _Hours:
    """Which of the resources are open for a whole visit that starts at ``starts_at``."""

    service: Service
    resources: list[Resource]
    starts_at: datetime
    intervals: dict[int, list[Interval]]

    @classmethod
    def load(cls, service: Service, resources: list[Resource], starts_at: datetime, ends_at: datetime) -> Self:
        """Load the opening hours of the days until the latest end that is checked."""
        zone = service.location.zone
        first, last = starts_at.astimezone(zone).date(), ends_at.astimezone(zone).date()
        return cls(service, resources, starts_at, open_intervals(service.location, resources, first, last))

    def open_resources(self, ends_at: datetime, allow_any_minute: bool) -> list[Resource]:
        """Return the open resources. The start must be on the slot grid of the main one."""
        main_kind = Resource.by_kind(self.resources)[0]
        return [
            resource
            for resource in self.resources
            if self._is_open(resource.pk, ends_at, on_grid=resource in main_kind and not allow_any_minute)
        ]

    def admit_session(self, session: Session, allow_any_minute: bool) -> bool:
        """Return whether all resources of the session are open until its end."""
        return all(
            self._is_open(key, session.ends_at, on_grid=key == session.resource_id and not allow_any_minute)
            for key in session.resource_keys
        )

    def _is_open(self, key: int, ends_at: datetime, *, on_grid: bool) -> bool:
        interval = find_containing(self.intervals[key], self.starts_at, ends_at)
        if interval is None or not on_grid:
            return interval is not None
        return (self.starts_at - interval[0]) % timedelta(minutes=self.service.slot_interval_minutes) == timedelta(0)


def _are_all_open(booking: Booking, resources: list[Resource]) -> bool:
    hours = _Hours.load(booking.service, resources, booking.starts_at, booking.ends_at)
    is_active = booking.service.is_active and all(resource.is_active for resource in resources)
    return is_active and len(hours.open_resources(booking.ends_at, allow_any_minute=True)) == len(resources)
