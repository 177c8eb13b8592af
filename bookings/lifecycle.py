"""Status transitions of one locked booking: update the row, append its event, publish."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import Signal

from bookings import events
from bookings.exceptions import BookingNotFound, InvalidTransition
from bookings.models import Booking, BookingEvent
from foundation.events import Actor

Status = Booking.Status


def lock_booking(booking_id: UUID) -> Booking:
    """Return the booking with its row locked until the transaction ends."""
    bookings = Booking.objects.select_for_update(of=("self",), no_key=True)
    try:
        return bookings.select_related("service__location", "customer", "resource", "session").get(pk=booking_id)
    except Booking.DoesNotExist as error:
        raise BookingNotFound from error


def transition_booking(
    booking: Booking, status: Status, announced: Signal, kind: str, actor: Actor, **fields: Any
) -> Booking:
    """Move a locked booking, write its event and announce it. Raises InvalidTransition."""
    before = booking.status
    if not booking.transition_to(status, **fields):
        raise InvalidTransition(booking, status)
    record_event(booking, announced, kind, actor, from_status=before)
    return booking


def expire_booking(booking: Booking, actor: Actor) -> None:
    """Give up a locked hold, or a request that nobody answered, and its slot."""
    if booking.status == Status.PENDING:
        transition_booking(booking, Status.EXPIRED, events.booking_unanswered, "unanswered", actor)
    else:
        transition_booking(booking, Status.EXPIRED, events.booking_expired, "expired", actor)
    release_slot(booking)


def release_slot(booking: Booking) -> None:
    """Give back what a locked booking takes of anybody's time."""
    if booking.session is None:
        booking.allocations.update(is_active=False)
    elif booking.session.release_places(booking.party_size):
        booking.session.allocations.update(is_active=False)


def record_event(booking: Booking, announced: Signal, kind: str, actor: Actor, *, from_status: str) -> None:
    """Write what happened as the event of the booking's present version, and tell whoever listens."""
    event = BookingEvent.objects.create(
        booking=booking,
        seq=booking.version,
        kind=kind,
        from_status=from_status,
        to_status=booking.status,
        actor=str(actor),
    )
    announced.send(sender=Booking, booking=booking, event=event)
