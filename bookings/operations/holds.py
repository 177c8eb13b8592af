"""Extend, release and expire holds, and expire requests that staff did not confirm in time."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from bookings.lifecycle import expire_booking, lock_booking
from bookings.models import Booking
from foundation.database_errors import is_database_unavailable
from foundation.events import Actor, ActorKind

Status = Booking.Status
log = logging.getLogger(__name__)


@transaction.atomic
def extend_hold(*, booking_id: UUID, until: datetime) -> bool:
    """Extend a hold while a bank processes its payment; return whether it was still held."""
    held = Booking.objects.filter(pk=booking_id, status=Status.HELD)
    return bool(held.update(hold_expires_at=until, updated_at=Now()))


@transaction.atomic
def release_hold(*, booking_id: UUID, actor: Actor) -> bool:
    """Expire a hold before its time; return whether it was still held."""
    booking = lock_booking(booking_id)
    if booking.status != Status.HELD:
        return False
    expire_booking(booking, actor)
    return True


@transaction.atomic
def expire_hold(*, booking_id: UUID, actor: Actor) -> bool:
    """Expire a hold whose time is over; return whether this call expired it."""
    booking = lock_booking(booking_id)
    if not booking.is_overdue:
        return False
    expire_booking(booking, actor)
    return True


def expire_unanswered_requests(*, limit: int = 100) -> int:
    """Expire the requests that staff did not confirm or decline in time; return how many.

    Each is a transaction of its own: one that fails does not stop the others, and together they would lock sessions in
    an order in which a reschedule between two sessions could deadlock with them.
    """
    overdue = Booking.objects.filter(answer_by__lte=Now()).order_by("answer_by").values_list("pk", flat=True)[:limit]
    return sum(_expire_if_unanswered(booking_id) for booking_id in list(overdue))


def _expire_if_unanswered(booking_id: UUID) -> bool:
    try:
        with transaction.atomic():
            request = Booking.objects.filter(pk=booking_id, answer_by__lte=Now()).locked_for_transition().first()
            if request is not None:
                expire_booking(request, Actor(ActorKind.SYSTEM))
            return request is not None
    except Exception as error:
        if is_database_unavailable(error):
            raise
        log.exception("Failed to expire booking request %s", booking_id)
        return False
