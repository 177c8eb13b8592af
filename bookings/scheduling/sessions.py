"""Join or start a session: a slot that several bookings share."""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking, Resource, Service, Session
from bookings.scheduling.allocations import ReservedSlot, expire_overdue, insert_allocations, pick_free_resources


def join_session(service: Service, starts_at: datetime, present: list[Resource], people: int) -> ReservedSlot:
    """Give people a place in a session that has room, or begin another with somebody who is free."""
    ends_at, blocked = service.ends_at(starts_at), service.blocked(starts_at)
    held = Session.objects.filter(service=service, starts_at=starts_at, resource__in=present)
    expire_overdue(Booking.objects.filter(session__in=held))
    begun = held.filter(booked__gt=0).select_related("resource").select_for_update(no_key=True, of=("self",))
    for session in sorted(begun.order_by("pk"), key=lambda session: present.index(session.resource)):
        if session.take_places(people):  # it ends when it was to end as it began, whatever the service says today
            return ReservedSlot(starts_at, session.ends_at, [], blocked, session)
    resources = pick_free_resources(present, blocked)
    session, is_new = Session.objects.get_or_create(
        service=service,
        resource=resources[0],
        starts_at=starts_at,
        defaults={"ends_at": ends_at, "capacity": service.capacity, "booked": people},
    )
    if not is_new:
        session.restart(ends_at, service.capacity, people)
    insert_allocations(resources, blocked, session=session)
    return ReservedSlot(starts_at, ends_at, resources, blocked, session)
