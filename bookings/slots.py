"""Who has a time free. The double-booking lock of every path is here; the constraint under it is on Allocation.

A service takes one resource of each kind that offers it: one of its doctors and, if it lists any, one of its rooms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from bookings.exceptions import OutsideHours, PartyTooLarge, SlotTaken
from bookings.models import Allocation, Booking, Resource, Service, Session
from bookings.models.booking import BookingQuerySet
from bookings.moves import Actor, expire_booking, vacate
from bookings.opening import open_spans
from bookings.spans import Span, around

Blocked = Any  # a half-open range of time: a pair, or PostgreSQL's own

NOBODY_THERE = "Nobody offers this service at that time. GET /services/{slug}/availability lists the free ones."


@dataclass(frozen=True)
class Slot:
    """A time that has been found free, and who it is with; all of them stay locked until the transaction ends."""

    starts_at: datetime
    ends_at: datetime
    resources: list[Resource]
    blocked: Blocked
    session: Session | None = field(default=None)

    @property
    def resource(self) -> Resource:
        return self.session.resource if self.session else self.resources[0]


def take_slot(
    service: Service,
    starts_at: datetime,
    wanted: Resource | None,
    *,
    people: int,
    at_any_minute: bool = False,
    instead_of: Booking | None = None,
) -> Slot:
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
        raise OutsideHours(NOBODY_THERE)
    kinds = Resource.by_kind(listed)
    present = _present(service, kinds, starts_at, ends_at, at_any_minute)
    if len(Resource.by_kind(present)) < len(kinds):
        raise OutsideHours(NOBODY_THERE)
    if service.capacity > 1:
        return _join_session(service, starts_at, present, people)
    blocked = service.blocked(starts_at)
    return Slot(starts_at, ends_at, _free_of_each_kind(present, blocked), blocked)


def occupy(booking: Booking, slot: Slot) -> None:
    """Write down what a booking takes, in place of what it took; a session has done so for all who share it."""
    booking.allocations.all().delete()
    if slot.session is None:
        _allocate(slot.resources, slot.blocked, booking=booking)


def take_slot_back(booking: Booking) -> bool:
    """Occupy the time of a lapsed booking again, if it is still to come, sold and free; return whether it was."""
    session, holder = booking.session, booking.holder
    resources = _lock(Resource.objects.filter(pk__in=holder.allocations.values("resource_id")))
    if booking.starts_at <= timezone.now() or not _all_present(booking, resources):
        return False
    if session is not None:
        _expire_lapsed(Booking.objects.filter(session=session))
        session = Session.objects.select_for_update(no_key=True).get(pk=session.pk)
        takes = set(session.allocations.values_list("resource_id", flat=True))
        if session.ends_at < booking.ends_at or takes != {resource.pk for resource in resources}:
            return False  # it has begun anew, and is shorter now or elsewhere
    if session is None or session.booked == 0:
        allocations = list(holder.allocations.select_related("resource"))
        if any(_busy([each.resource], each.blocked) for each in allocations):
            return False
        holder.allocations.update(is_active=True)
    return session is None or session.let_in(booking.party_size)


def _lock_listed(service: Service, wanted: Resource | None, instead_of: Booking | None) -> list[Resource]:
    """Lock all that the service lists; those who are given up come first, to be taken again if they can be."""
    listed = Resource.objects.listed_for(service, wanted)
    if instead_of is None:
        return _lock(listed)
    # Whoever is given up has to be locked as well, and all of them in one order.
    given_up = set(instead_of.holder.allocations.values_list("resource_id", flat=True))
    keys = set(listed.values_list("pk", flat=True))
    locked = _lock(Resource.objects.filter(pk__in=keys | given_up))
    vacate(instead_of)
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
        span = around(spans[resource.pk], starts_at, ends_at)
        is_leading = resource in kinds[0]
        if span and (at_any_minute or not is_leading or (starts_at - span[0]) % interval == timedelta(0)):
            present.append(resource)
    return present


def _all_present(booking: Booking, resources: list[Resource]) -> bool:
    spans = _spans(booking.service, resources, booking.starts_at, booking.ends_at)
    return all(
        resource.is_active and around(spans[resource.pk], booking.starts_at, booking.ends_at) for resource in resources
    )


def _spans(
    service: Service, resources: list[Resource], starts_at: datetime, ends_at: datetime
) -> dict[int, list[Span]]:
    zone = service.location.zone
    return open_spans(service.location, resources, starts_at.astimezone(zone).date(), ends_at.astimezone(zone).date())


def _free_of_each_kind(present: list[Resource], blocked: Blocked) -> list[Resource]:
    """Return a free resource of each kind, the leading one first."""
    busy = _busy(present, blocked)
    free = Resource.by_kind(resource for resource in present if resource.pk not in busy)
    if len(free) < len(Resource.by_kind(present)):
        raise SlotTaken
    return [resources[0] for resources in free]


def _join_session(service: Service, starts_at: datetime, present: list[Resource], people: int) -> Slot:
    """Give people a place in a session that has room, or begin another with somebody who is free."""
    ends_at, blocked = service.ends_at(starts_at), service.blocked(starts_at)
    held = Session.objects.filter(service=service, starts_at=starts_at, resource__in=present)
    _expire_lapsed(Booking.objects.filter(session__in=held))
    begun = held.filter(booked__gt=0).select_related("resource").select_for_update(no_key=True, of=("self",))
    for session in sorted(begun.order_by("pk"), key=lambda session: present.index(session.resource)):
        if session.let_in(people):  # it ends when it was to end as it began, whatever the service says today
            return Slot(starts_at, session.ends_at, [], blocked, session)
    resources = _free_of_each_kind(present, blocked)
    session, is_new = Session.objects.get_or_create(
        service=service, resource=resources[0], starts_at=starts_at,
        defaults={"ends_at": ends_at, "capacity": service.capacity, "booked": people},
    )  # fmt: skip
    if not is_new:
        session.begin_anew(ends_at, service.capacity, people)
    _allocate(resources, blocked, session=session)
    return Slot(starts_at, ends_at, resources, blocked, session)


def _allocate(resources: list[Resource], blocked: Blocked, **holder: Any) -> None:
    Allocation.objects.bulk_create(Allocation(resource=each, blocked=blocked, **holder) for each in resources)


def _busy(resources: list[Resource], blocked: Blocked) -> set[int]:
    """Return the keys of those that are occupied at some moment of ``blocked``, after freeing what has lapsed."""
    overlapping = Allocation.objects.filter(resource__in=resources, is_active=True, blocked__overlap=blocked)
    keys = overlapping.values_list("resource_id", flat=True)
    busy = set(keys)
    if not busy:
        return busy
    ours = Q(pk__in=overlapping.values("booking_id")) | Q(session__in=overlapping.values("session_id"))
    return set(keys.all()) if _expire_lapsed(Booking.objects.filter(ours)) else busy


def _expire_lapsed(bookings: BookingQuerySet) -> bool:
    # A payment locks its booking first and the resource second: waiting for it here would deadlock, so it wins.
    lapsed = bookings.lapsed().locked_for_move()
    for booking in lapsed:
        expire_booking(booking, Actor("system"))
    return bool(lapsed)
