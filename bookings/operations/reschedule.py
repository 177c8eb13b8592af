"""How a booking gets another time."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction

from bookings import events
from bookings.exceptions import InvalidTransition, TooLateToChange
from bookings.lifecycle import lock_booking, record_event
from bookings.models import Booking, Resource
from bookings.operations.rules import check_start_time, response_deadline, translate_slot_conflicts
from bookings.scheduling.reservation import reserve_slot, write_allocations
from foundation.events import Actor


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
    if booking.status not in Booking.RESCHEDULABLE:
        raise InvalidTransition(booking, "rescheduled")
    if booking.starts_at == starts_at and (resource is None or booking.occupies(resource)):
        return booking
    if actor.is_customer and booking.is_within(booking.reschedule_cutoff_minutes):
        raise TooLateToChange("It is too late to move this booking online. Please call us.")
    service = booking.service
    check_start_time(service, starts_at, actor)
    with translate_slot_conflicts(service, starts_at, resource, booking.party_size):
        slot = reserve_slot(
            service,
            starts_at,
            resource,
            people=booking.party_size,
            at_any_minute=not actor.is_customer,
            instead_of=booking,
        )
        answer_by = booking.answer_by and response_deadline(
            service, starts_at
        )  # staff have another time to think about
        if not booking.reschedule_to(
            slot.starts_at, slot.ends_at, slot.resource, session=slot.session, answer_by=answer_by
        ):
            raise InvalidTransition(booking, "rescheduled")
        write_allocations(booking, slot)
    record_event(booking, events.booking_rescheduled, "rescheduled", actor, from_status=booking.status)
    return booking
