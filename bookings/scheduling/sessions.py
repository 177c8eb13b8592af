"""Join or start a session: a slot that several bookings share."""

from __future__ import annotations

from datetime import datetime

from bookings.models import Booking, Resource, Service, Session
from bookings.scheduling.allocations import ReservedSlot, expire_overdue, insert_allocations, pick_free_resources


def join_session(service: Service, starts_at: datetime, candidates: list[Resource], party_size: int) -> ReservedSlot:
    """Take places in a session that has enough, or start a new session with free resources. Raises SlotTaken."""
    ends_at, blocked = service.ends_at(starts_at), service.blocked(starts_at)
    sessions = Session.objects.filter(service=service, starts_at=starts_at, resource__in=candidates)
    expire_overdue(Booking.objects.filter(session__in=sessions))
    nonempty = sessions.filter(booked__gt=0).select_related("resource")
    locked = nonempty.select_for_update(no_key=True, of=("self",)).order_by("pk")
    for session in sorted(locked, key=lambda session: candidates.index(session.resource)):
        if session.take_places(party_size):  # it keeps its original end, even if the service has changed
            return ReservedSlot(starts_at, session.ends_at, [], blocked, session)
    resources = pick_free_resources(candidates, blocked)
    session, is_new = Session.objects.get_or_create(
        service=service,
        resource=resources[0],
        starts_at=starts_at,
        defaults={"ends_at": ends_at, "capacity": service.capacity, "booked": party_size},
    )
    if not is_new:
        session.restart(ends_at, service.capacity, party_size)
    insert_allocations(resources, blocked, session=session)
    return ReservedSlot(starts_at, ends_at, resources, blocked, session)
