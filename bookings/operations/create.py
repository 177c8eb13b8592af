"""Create bookings and holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict, Unpack
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.dispatch import Signal

from accounts.callers import UNKNOWN_CALLER, Caller
from bookings import events
from bookings.exceptions import OutsideHours, WrongPaymentMode
from bookings.lifecycle import record_event
from bookings.manage_tokens import TokenMaker, hash_token, random_token
from bookings.models import Booking, BookingEvent, Customer, Resource, Service
from bookings.operations.customer_limits import check_limits, check_not_booked, lock_customer
from bookings.operations.rules import check_start_time, response_deadline, translate_slot_conflicts
from bookings.scheduling.allocations import ReservedSlot
from bookings.scheduling.reservation import reserve_slot, write_allocations
from foundation.clock import database_now
from foundation.database_errors import violated_constraint
from foundation.events import Actor

Status = Booking.Status


@dataclass(frozen=True)
class NewBooking:
    """A booking and its new manage token, which can be shown only now: the database stores only its hash."""

    booking: Booking
    manage_token: str


class BookingInput(TypedDict):
    """What to book. ``customer`` has name, phone and email. Without ``resource``, any free one is booked.

    ``allow_overlap`` books although the caller has already booked for this customer at the same time.
    """

    service: Service
    starts_at: datetime
    customer: dict[str, str]
    resource: NotRequired[Resource | None]
    party_size: NotRequired[int]
    notes: NotRequired[str]
    allow_overlap: NotRequired[bool]


def create_booking(
    *,
    actor: Actor,
    caller: Caller = UNKNOWN_CALLER,
    token_for: TokenMaker = random_token,
    booking_id: UUID | None = None,
    **booking_input: Unpack[BookingInput],
) -> NewBooking:
    """Create a booking that is paid at the desk: confirmed if staff create it or need not confirm it, else pending.

    Raises SlotTaken, OutsideHours, PartyTooLarge, TooManyUpcomingBookings, TooManyOpenBookings, AlreadyBooked,
    WrongPaymentMode if a customer books a service that is paid online, or IntegrityError if ``booking_id`` exists.
    """
    return _create(booking_input, _Creation(actor, caller, token_for, booking_id or uuid4()))


def hold_booking(
    *,
    actor: Actor,
    caller: Caller = UNKNOWN_CALLER,
    token_for: TokenMaker = random_token,
    **booking_input: Unpack[BookingInput],
) -> NewBooking:
    """Hold a slot until ``hold_expires_at`` while the customer pays.

    Raises WrongPaymentMode if the service is not paid online, UnpaidHoldExists, or what create_booking raises.
    """
    return _create(booking_input, _Creation(actor, caller, token_for, uuid4(), is_hold=True))


def replace_manage_token(*, booking: Booking, token: str) -> None:
    """Give a booking another manage token. The old one stops working."""
    booking.manage_token_hash = hash_token(token)
    Booking.objects.filter(pk=booking.pk).update(manage_token_hash=booking.manage_token_hash)


@dataclass(frozen=True)
class _Creation:
    """By whom a booking is created, and whether it is a hold."""

    actor: Actor
    caller: Caller
    token_for: TokenMaker
    booking_id: UUID
    is_hold: bool = False

    def check_service(self, service: Service, starts_at: datetime) -> None:
        """Raise OutsideHours or WrongPaymentMode if the service cannot be booked at that time, or not in this way."""
        if not service.is_active:
            raise OutsideHours("This service can no longer be booked. Pick another one.")
        if self.is_hold and not service.due_online_minor:
            raise WrongPaymentMode("This service is not paid online. Use POST /bookings/.")
        if not self.is_hold and service.due_online_minor and self.actor.is_customer:
            raise WrongPaymentMode("This service is paid online. Use POST /bookings/razorpay-booking.")
        check_start_time(service, starts_at, self.actor)

    def first_status(self, service: Service) -> tuple[Booking.Status, Signal]:
        """Return the status of the new booking, and the event that it publishes."""
        if self.is_hold:
            return Status.HELD, events.booking_held
        if service.requires_confirmation and self.actor.is_customer:
            return Status.PENDING, events.booking_requested
        return Status.CONFIRMED, events.booking_confirmed


def _create(booking_input: BookingInput, creation: _Creation) -> NewBooking:
    """Create the booking.

    Retry on a reference collision: with a million bookings, 1 in 1,000 new references is already taken.
    """
    while True:
        try:
            return _create_once(booking_input, creation)
        except IntegrityError as error:
            if violated_constraint(error) != "bookings_booking_reference_key":
                raise


def _create_once(booking_input: BookingInput, creation: _Creation) -> NewBooking:
    service, resource = booking_input["service"], booking_input.get("resource")
    actor, party_size = creation.actor, booking_input.get("party_size", 1)
    # Do the arithmetic in UTC: local times are off by an hour across a DST transition.
    starts_at = booking_input["starts_at"].astimezone(UTC)
    creation.check_service(service, starts_at)
    with translate_slot_conflicts(service, starts_at, resource, party_size):
        customer = booking_input["customer"]
        lock_customer(customer)
        if actor.is_customer:
            check_limits(service, customer["phone"], creation.caller, is_hold=creation.is_hold)
        if not booking_input.get("allow_overlap"):
            check_not_booked(customer, starts_at, service, creation.caller.hashes)
        slot = reserve_slot(service, starts_at, resource, party_size=party_size, allow_any_minute=not actor.is_customer)
        creation.check_service(service, starts_at)  # again, because staff may have changed it in the meantime
        status, signal = creation.first_status(service)
        token = creation.token_for(creation.booking_id)
        booking = _insert(booking_input, slot, status, token, creation)
        write_allocations(booking, slot)
        record_event(booking, signal, BookingEvent.Kind.CREATED, actor, from_status="")
    return NewBooking(booking, token)


def _insert(
    booking_input: BookingInput, slot: ReservedSlot, status: Booking.Status, token: str, creation: _Creation
) -> Booking:
    """Insert the row. Price, due amount and cutoffs are copied: later changes to the service do not affect them."""
    service, party_size = booking_input["service"], booking_input.get("party_size", 1)
    hold_expires_at = database_now() + timedelta(minutes=service.hold_minutes)
    return Booking.objects.create(
        id=creation.booking_id,
        service=service,
        resource=slot.resource,
        requested_resource=booking_input.get("resource"),
        session=slot.session,
        customer=Customer.get_or_insert(**booking_input["customer"]),
        status=status,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        timezone=service.location.timezone,
        party_size=party_size,
        notes=booking_input.get("notes", ""),
        price_minor=service.price_minor * party_size,
        due_online_minor=service.due_online_minor * party_size if status == Status.HELD else 0,
        currency=service.currency,
        hold_expires_at=hold_expires_at if status == Status.HELD else None,
        answer_by=response_deadline(service, slot.starts_at) if status == Status.PENDING else None,
        cancel_cutoff_minutes=service.cancel_cutoff_minutes,
        reschedule_cutoff_minutes=service.reschedule_cutoff_minutes,
        manage_token_hash=hash_token(token),
        caller_hash=creation.caller.hash,
        service_token=creation.caller.service_token,
    )
