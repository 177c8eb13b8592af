"""Create bookings and holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NotRequired, TypedDict, Unpack
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connection
from django.db.models.functions import Now
from django.dispatch import Signal
from django.utils import timezone

from bookings import events
from bookings.exceptions import TooManyUpcomingBookings, UnpaidHoldExists, WrongPaymentMode
from bookings.lifecycle import record_event
from bookings.manage_tokens import TokenMaker, hash_token, random_token
from bookings.models import Booking, BookingEvent, Customer, Resource, Service
from bookings.operations.rules import check_start_time, response_deadline, translate_slot_conflicts
from bookings.scheduling.allocations import ReservedSlot
from bookings.scheduling.reservation import reserve_slot, write_allocations
from foundation.database_errors import violated_constraint
from foundation.events import Actor

Status = Booking.Status


@dataclass(frozen=True)
class NewBooking:
    """A booking and its new manage token, which can be shown only now: the database stores only its hash."""

    booking: Booking
    manage_token: str


class BookingInput(TypedDict):
    """What to book. ``customer`` has name, phone and email. Without ``resource``, any free one is booked."""

    service: Service
    starts_at: datetime
    customer: dict[str, str]
    resource: NotRequired[Resource | None]
    party_size: NotRequired[int]
    notes: NotRequired[str]


def create_booking(
    *,
    actor: Actor,
    token_for: TokenMaker = random_token,
    booking_id: UUID | None = None,
    **booking_input: Unpack[BookingInput],
) -> NewBooking:
    """Create a booking that is paid at the desk: confirmed if staff create it or need not confirm it, else pending.

    Raises SlotTaken, OutsideHours, PartyTooLarge, TooManyUpcomingBookings, WrongPaymentMode if a customer books a
    service that is paid online, or IntegrityError if ``booking_id`` exists.
    """
    service = booking_input["service"]
    if service.due_online_minor and actor.is_customer:
        raise WrongPaymentMode("This service is paid online. Use POST /bookings/razorpay-booking.")
    is_request = service.requires_confirmation and actor.is_customer
    status = Status.PENDING if is_request else Status.CONFIRMED
    signal = events.booking_requested if is_request else events.booking_confirmed
    return _create(booking_input, actor, token_for, booking_id or uuid4(), status, signal)


def hold_booking(
    *, actor: Actor, token_for: TokenMaker = random_token, **booking_input: Unpack[BookingInput]
) -> NewBooking:
    """Hold a slot until ``hold_expires_at`` while the customer pays.

    Raises WrongPaymentMode if the service is not paid online, UnpaidHoldExists, or what create_booking raises.
    """
    if not booking_input["service"].due_online_minor:
        raise WrongPaymentMode("This service is not paid online. Use POST /bookings/.")
    return _create(booking_input, actor, token_for, uuid4(), Status.HELD, events.booking_held)


def reissue_manage_token(*, booking: Booking) -> NewBooking:
    """Give a booking a new manage token. The old one stops working."""
    token = random_token(booking.pk)
    Booking.objects.filter(pk=booking.pk).update(manage_token_hash=hash_token(token))
    return NewBooking(booking, token)


def _create(
    booking_input: BookingInput,
    actor: Actor,
    token_for: TokenMaker,
    booking_id: UUID,
    status: Booking.Status,
    signal: Signal,
) -> NewBooking:
    """Create the booking.

    Retry on a reference collision: with a million bookings, 1 in 1,000 new references is already taken.
    """
    while True:
        try:
            return _create_once(booking_input, actor, token_for(booking_id), booking_id, status, signal)
        except IntegrityError as error:
            if violated_constraint(error) != "bookings_booking_reference_key":
                raise


def _create_once(
    booking_input: BookingInput,
    actor: Actor,
    token: str,
    booking_id: UUID,
    status: Booking.Status,
    signal: Signal,
) -> NewBooking:
    service, resource = booking_input["service"], booking_input.get("resource")
    party_size = booking_input.get("party_size", 1)
    # Do the arithmetic in UTC: local times are off by an hour across a DST transition.
    starts_at = booking_input["starts_at"].astimezone(UTC)
    check_start_time(service, starts_at, actor)
    with translate_slot_conflicts(service, starts_at, resource, party_size):
        if actor.is_customer:
            _check_limits(service, booking_input["customer"]["phone"], status)
        slot = reserve_slot(service, starts_at, resource, party_size=party_size, allow_any_minute=not actor.is_customer)
        booking = _insert(booking_input, slot, token, booking_id, status)
        write_allocations(booking, slot)
        record_event(booking, signal, BookingEvent.Kind.CREATED, actor, from_status="")
    return NewBooking(booking, token)


def _insert(
    booking_input: BookingInput, slot: ReservedSlot, token: str, booking_id: UUID, status: Booking.Status
) -> Booking:
    """Insert the row. Price, due amount and cutoffs are copied: later changes to the service do not affect them."""
    service, party_size = booking_input["service"], booking_input.get("party_size", 1)
    hold_expires_at = timezone.now() + timedelta(minutes=service.hold_minutes)
    return Booking.objects.create(
        id=booking_id,
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
    )


def _check_limits(service: Service, phone: str, status: Booking.Status) -> None:
    max_bookings = service.max_open_per_customer
    max_holds = settings.LIMIT_OPEN_HOLDS_PER_NUMBER if status == Status.HELD else 0
    if max_bookings is None and not max_holds:
        return
    with connection.cursor() as cursor:  # one request per phone number at a time, so that two cannot both pass
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [phone])
    upcoming = Booking.objects.active().filter(customer__phone=phone, starts_at__gt=Now())
    if max_bookings is not None and upcoming.filter(service=service).count() >= max_bookings:
        raise TooManyUpcomingBookings(max_bookings)
    if max_holds:
        holds = list(upcoming.filter(status=Status.HELD).order_by("hold_expires_at"))
        if len(holds) >= max_holds:
            raise UnpaidHoldExists(holds[0])
