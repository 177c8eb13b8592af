"""How holds and requests that nobody wants any more are given up."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from bookings.models import Booking
from bookings.moves import Actor, expire_booking, lock_booking

Status = Booking.Status


@transaction.atomic
def expire_unanswered(*, limit: int = 100) -> int:
    """Give up the requests that nobody has answered in time; return how many there were."""
    due = Booking.objects.filter(answer_by__lte=Now()).locked_for_move().order_by("answer_by")[:limit]
    for booking in due:
        expire_booking(booking, Actor("system"))
    return len(due)


@transaction.atomic
def extend_hold(*, booking_id: UUID, until: datetime) -> bool:
    """Keep a held slot longer, for somebody whose bank is still thinking; return whether it was still held."""
    held = Booking.objects.filter(pk=booking_id, status=Status.HELD)
    return bool(held.update(hold_expires_at=until, updated_at=Now()))


@transaction.atomic
def lapse_hold(*, booking_id: UUID, actor: Actor) -> bool:
    """Give a held slot back if its time is over; return whether it was given back now."""
    booking = lock_booking(booking_id)
    if not booking.is_lapsed:
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
