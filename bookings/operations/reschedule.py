"""Reschedule bookings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from bookings import events
from bookings.exceptions import InvalidTransition, TooLateToChange
from bookings.lifecycle import lock_booking, record_event
from bookings.models import Booking, BookingEvent, Resource
from bookings.operations.customer_limits import check_not_booked, lock_customer
from bookings.operations.rules import check_start_time, response_deadline, translate_slot_conflicts
from bookings.scheduling.reservation import reserve_slot, write_allocations
from foundation.clock import database_now
from foundation.events import Actor


@transaction.atomic
def reschedule_booking(
    *, booking_id: UUID, starts_at: datetime, actor: Actor, resource: Resource | None = None
) -> Booking:
    """Change a booking's time, and its resource if one is given; do nothing if both are unchanged.

    Without ``resource`` the booking keeps its resource if that is free, otherwise it gets any free one; a class
    booking joins a session with enough places. The row, reference and price do not change. Customers may reschedule
    until ``reschedule_until``, and their booking becomes pending if staff must confirm the new time. Raises
    TooLateToChange, InvalidTransition, SlotTaken, OutsideHours, AlreadyBooked or PartyTooLarge.
    """
    starts_at = starts_at.astimezone(UTC)
    booking = lock_booking(booking_id)
    if booking.status not in Booking.RESCHEDULABLE:
        raise InvalidTransition(booking, "rescheduled")
    is_same_time = booking.starts_at == starts_at and not booking.has_outdated_zone
    if is_same_time and (resource is None or booking.occupies(resource)):
        return booking
    if actor.is_customer and database_now() > booking.reschedule_until:
        raise TooLateToChange("It is too late to reschedule online. Please call us.")
    service, from_status = booking.service, booking.status
    check_start_time(service, starts_at, actor)
    if actor.is_customer:
        _check_not_booked(booking, starts_at)
    with translate_slot_conflicts(service, starts_at, resource, booking.party_size, booking):
        slot = reserve_slot(
            service,
            starts_at,
            resource,
            party_size=booking.party_size,
            allow_any_minute=not actor.is_customer,
            current_booking=booking,
        )
        changes = {**_changes(booking, slot.starts_at, actor), "requested_resource": resource, "session": slot.session}
        if not booking.reschedule_to(slot.starts_at, slot.ends_at, slot.resource, **changes):
            raise InvalidTransition(booking, "rescheduled")
        write_allocations(booking, slot)
    record_event(booking, events.booking_rescheduled, BookingEvent.Kind.RESCHEDULED, actor, from_status=from_status)
    return booking


def _check_not_booked(booking: Booking, starts_at: datetime) -> None:
    """Raise AlreadyBooked if the caller who made this booking made another one for the same person at that time."""
    customer = {name: getattr(booking.customer, name) for name in ("name", "phone", "email")}
    lock_customer(customer)
    check_not_booked(customer, starts_at, booking.service, [booking.caller_hash], booking)


def _changes(booking: Booking, starts_at: datetime, actor: Actor) -> dict[str, Any]:
    """Return what a reschedule changes beside the slot: the status with its deadline, and the cutoffs that apply."""
    service, status = booking.service, booking.status
    if actor.is_customer and service.requires_confirmation and service.reconfirms_reschedules:
        status = Booking.Status.PENDING
    # Rescheduling a request restarts the time that staff have to confirm it.
    answer_by = response_deadline(service, starts_at) if status == Booking.Status.PENDING else None
    changes = {"status": status, "answer_by": answer_by, "timezone": service.location.timezone}
    if not actor.is_customer:
        return {**changes, "late_since": None, "rescheduled_by_staff_at": database_now()}
    late_since = booking.cancel_until if booking.is_late else None
    return {**changes, "late_since": late_since, "rescheduled_by_staff_at": None}
