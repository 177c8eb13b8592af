"""How holds and requests that nobody wants any more are given up."""

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


def expire_unanswered_requests(*, limit: int = 100) -> int:
    """Give up the requests that nobody has answered in time; return how many there were. One that fails stops no other.

    Each is a transaction of its own: together they would lock classes in the order in which their requests end, while
    somebody who moves from one class to another waits for them in his.
    """
    due = Booking.objects.filter(answer_by__lte=Now()).order_by("answer_by").values_list("pk", flat=True)[:limit]
    return sum(_expire_if_unanswered(booking_id) for booking_id in list(due))


def _expire_if_unanswered(booking_id: UUID) -> bool:
    try:
        with transaction.atomic():
            unanswered = Booking.objects.filter(pk=booking_id, answer_by__lte=Now()).locked_for_transition().first()
            if unanswered is not None:
                expire_booking(unanswered, Actor(ActorKind.SYSTEM))
            return unanswered is not None
    except Exception as error:
        if is_database_unavailable(error):
            raise
        log.exception("Request %s could not be given up", booking_id)
        return False


@transaction.atomic
def extend_hold(*, booking_id: UUID, until: datetime) -> bool:
    """Keep a held slot longer, for somebody whose bank is still thinking; return whether it was still held."""
    held = Booking.objects.filter(pk=booking_id, status=Status.HELD)
    return bool(held.update(hold_expires_at=until, updated_at=Now()))


@transaction.atomic
def expire_hold(*, booking_id: UUID, actor: Actor) -> bool:
    """Give a held slot back if its time is over; return whether it was given back now."""
    booking = lock_booking(booking_id)
    if not booking.is_overdue:
        return False
    expire_booking(booking, actor)
    return True


@transaction.atomic
def release_hold(*, booking_id: UUID, actor: Actor) -> bool:
    """Give a held slot back before its time; return whether it was still held."""
    booking = lock_booking(booking_id)
    if booking.status != Status.HELD:
        return False
    expire_booking(booking, actor)
    return True
