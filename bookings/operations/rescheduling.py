"""How a booking gets another time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from bookings import events
from bookings.exceptions import InvalidTransition, TooLateToChange
from bookings.models import Booking, Resource
from bookings.moves import Actor, announce, lock_booking
from bookings.operations.times import answer_end, check_time, slot_conflicts
from bookings.slots import occupy, take_slot


@transaction.atomic
def reschedule_booking(
    *, booking_id: UUID, starts_at: datetime, actor: Actor, resource: Resource | None = None
) -> Booking:
    """Move a booking to another time, and to ``resource`` if one is named; do nothing if that is where it is.

    If none is named, it stays with whom it is while they are free, else it goes to anybody; a class joins one that has
    room. The same row, reference and price; customers may do so until the cut-off that held when they booked. Raises
    TooLateToChange, InvalidTransition, and what create_booking raises of the new time.
    """
    starts_at = starts_at.astimezone(UTC)
    booking = lock_booking(booking_id)
    if booking.status not in Booking.MOVABLE:
        raise InvalidTransition(booking, "rescheduled")
    if booking.starts_at == starts_at and (resource is None or booking.takes(resource)):
        return booking
    if actor.is_customer and booking.is_within(booking.reschedule_cutoff_minutes):
        raise TooLateToChange("It is too late to move this booking online. Please call us.")
    service = booking.service
    check_time(service, starts_at, actor)
    with slot_conflicts(service, starts_at, resource, booking.party_size):
        slot = take_slot(
            service, starts_at, resource, people=booking.party_size, at_any_minute=not actor.is_customer,
            instead_of=booking,
        )  # fmt: skip
        answer_by = booking.answer_by and answer_end(service, starts_at)  # staff have another time to think about
        if not booking.move_in_time(
            slot.starts_at, slot.ends_at, slot.resource, session=slot.session, answer_by=answer_by
        ):
            raise InvalidTransition(booking, "rescheduled")
        occupy(booking, slot)
    announce(booking, events.booking_rescheduled, "rescheduled", actor, from_status=booking.status)
    return booking
