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
    hold = Booking.objects.filter(pk=booking_id, status=Status.HELD)
    return bool(hold.update(hold_expires_at=until, updated_at=Now()))


@transaction.atomic
def release_hold(*, booking_id: UUID, actor: Actor) -> bool:
    """Expire a hold early; return whether it was still held."""
    booking = lock_booking(booking_id)
    if booking.status != Status.HELD:
        return False
    expire_booking(booking, actor)
    return True


@transaction.atomic
def expire_hold(*, booking_id: UUID, actor: Actor) -> bool:
    """Expire a hold if it is overdue; return whether this call expired it."""
    booking = lock_booking(booking_id)
    if not booking.is_overdue:
        return False
    expire_booking(booking, actor)
    return True


def expire_unanswered_requests(*, limit: int = 100) -> int:
    """Expire up to ``limit`` requests that staff did not confirm or decline in time; return the number expired.

    Each is expired in its own transaction: a failure does not stop the others, and one transaction for all would lock
    several sessions, which could deadlock with a reschedule between two of them.
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
