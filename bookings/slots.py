"""Who has a time free. The double-booking lock of every path is here; the constraint under it is on Allocation."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from bookings.exceptions import OutsideHours, SlotTaken
from bookings.models import Allocation, Booking, Resource, Service, WorkingHours
from bookings.moves import Actor, expire_booking

Status = Booking.Status


def take_slot(service: Service, starts_at: datetime, wanted: Resource | None) -> Resource:
    """Lock whoever could serve, free what has lapsed, and return one that has the time free.

    The row locks, taken in key order, are the mechanism; the exclusion constraint is only the net under them, since
    inserts that wait for each other under the constraint alone deadlock.
    """
    able = Resource.objects.filter(services=service, is_active=True)
    if wanted is not None:
        able = able.filter(pk=wanted.pk)
    open_then = WorkingHours.objects.covering(starts_at, service.ends_at(starts_at), service.location.zone)
    candidates = list(
        able.filter(pk__in=open_then.values("resource_id")).select_for_update(no_key=True, of=("self",)).order_by("pk")
    )
    if not candidates:
        raise OutsideHours("Nobody offers this service at that time. Pick a time within opening hours.")
    busy = _busy(candidates, service.blocked(starts_at))
    for candidate in candidates:
        if candidate.pk not in busy:
            return candidate
    raise SlotTaken("That time is taken. Pick another.")


def take_slot_back(booking: Booking) -> bool:
    """Occupy the time of a lapsed booking again, if it is still to come and free; return whether it was."""
    resources = list(
        Resource.objects.filter(pk__in=booking.allocations.values("resource_id"))
        .select_for_update(no_key=True)
        .order_by("pk")
    )
    if booking.starts_at <= timezone.now() or _busy(resources, booking.service.blocked(booking.starts_at)):
        return False
    booking.allocations.update(is_active=True)
    return True


def _busy(resources: list[Resource], blocked: tuple[datetime, datetime]) -> set[int]:
    """Return the keys of those that are occupied at some moment of ``blocked``, after freeing what has lapsed."""
    overlapping = Allocation.objects.filter(resource__in=resources, is_active=True, blocked__overlap=blocked)
    keys = overlapping.values_list("resource_id", flat=True)
    busy = set(keys)
    return set(keys.all()) if busy and _expire_lapsed_holds(overlapping) else busy


def _expire_lapsed_holds(allocations: QuerySet[Allocation]) -> bool:
    # A payment locks its booking first and the resource second: waiting for it here would deadlock, so it wins.
    lapsed = (
        Booking.objects.filter(status=Status.HELD, hold_expires_at__lte=Now(), pk__in=allocations.values("booking_id"))
        .select_related("service__location", "customer", "resource")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
    )
    for booking in lapsed:
        expire_booking(booking, Actor("system"))
    return bool(lapsed)
