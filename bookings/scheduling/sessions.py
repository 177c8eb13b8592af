"""Join or start a session: a slot that several bookings share.

The session's own resources and times decide who can join it, not those that its service would get now.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from bookings.models import Allocation, Booking, Resource, Service, Session
from bookings.scheduling.allocations import BlockedRange, expire_overdue, insert_allocations


def with_resource_keys(sessions: QuerySet[Session]) -> QuerySet[Session]:
    """Set ``resource_keys``: the keys of all resources that the session occupies, or did when it was last in use."""
    keys = Allocation.objects.filter(session=OuterRef("pk")).values("resource_id")
    return sessions.annotate(resource_keys=ArraySubquery(keys))  # type: ignore[no-redef]  # the model declares its type


def lock_sessions(
    service: Service, starts_at: datetime, usable: list[Resource], requested: Resource | None
) -> list[Session]:
    """Lock and return the sessions at that time that suit the request; expire their overdue bookings.

    They have attendees, and occupy ``requested`` and otherwise only ``usable`` resources. Their places may not suffice.
    """
    sessions = Session.objects.filter(service=service, starts_at=starts_at, resource__in=usable)
    expire_overdue(Booking.objects.filter(session__in=sessions))
    nonempty = with_resource_keys(sessions.filter(booked__gt=0)).select_related("resource")
    locked = nonempty.select_for_update(no_key=True, of=("self",)).order_by("pk")
    keys = {resource.pk for resource in usable}
    return [session for session in locked if session.suits(requested) and keys.issuperset(session.resource_keys)]


def start_session(
    service: Service, starts_at: datetime, resources: list[Resource], blocked: BlockedRange, party_size: int
) -> Session:
    """Start a session with these free resources, the main one first, and take places in it."""
    ends_at = service.ends_at(starts_at)
    session, is_new = Session.objects.get_or_create(
        service=service,
        resource=resources[0],
        starts_at=starts_at,
        defaults={"ends_at": ends_at, "booked": party_size},
    )
    if not is_new:
        session.restart(ends_at, party_size)
    insert_allocations(resources, blocked, session=session)
    return session
