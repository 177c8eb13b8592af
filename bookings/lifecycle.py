"""Status transitions of one locked booking: update the row, append its event, publish."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.dispatch import Signal

from bookings import events
from bookings.exceptions import BookingNotFound, InvalidTransition
from bookings.models import Booking, BookingEvent
from foundation.events import Actor

Kind = BookingEvent.Kind
Status = Booking.Status


def lock_booking(booking_id: UUID) -> Booking:
    """Return the booking, locked until the transaction ends. Raises BookingNotFound."""
    bookings = Booking.objects.select_for_update(of=("self",), no_key=True)
    try:
        return bookings.select_related("service__location", "customer", "resource", "session").get(pk=booking_id)
    except Booking.DoesNotExist as error:
        raise BookingNotFound from error


def transition_booking(
    booking: Booking, status: Booking.Status, signal: Signal, kind: BookingEvent.Kind, actor: Actor, **fields: Any
) -> Booking:
    """Change the status of a locked booking, append the event and publish it. Raises InvalidTransition."""
    from_status = booking.status
    if not booking.transition_to(status, **fields):
        raise InvalidTransition(booking, status)
    record_event(booking, signal, kind, actor, from_status=from_status)
    return booking


def expire_booking(booking: Booking, actor: Actor) -> None:
    """Expire a locked hold or request, and release its slot."""
    if booking.status == Status.PENDING:
        transition_booking(booking, Status.EXPIRED, events.booking_unanswered, Kind.UNANSWERED, actor)
    else:
        transition_booking(booking, Status.EXPIRED, events.booking_expired, Kind.EXPIRED, actor)
    release_slot(booking)


def release_slot(booking: Booking) -> None:
    """Release the resources, or the places in a session, of a locked booking."""
    if booking.session is None:
        booking.allocations.update(is_active=False)
    elif booking.session.release_places(booking.party_size):
        booking.session.allocations.update(is_active=False)


def record_event(booking: Booking, signal: Signal, kind: BookingEvent.Kind, actor: Actor, *, from_status: str) -> None:
    """Append an event for the booking's current version, and publish it."""
    event = BookingEvent.objects.create(
        booking=booking,
        seq=booking.version,
        kind=kind,
        from_status=from_status,
        to_status=booking.status,
        actor=str(actor),
        actor_kind=actor.kind,
    )
    signal.send(sender=Booking, booking=booking, event=event)
