"""How a booking comes to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import NotRequired, ParamSpec, TypedDict, Unpack
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
from bookings.models import Booking, Customer, Resource, Service
from bookings.operations.rules import check_start_time, response_deadline, translate_slot_conflicts
from bookings.scheduling.reservation import reserve_slot, write_allocations
from foundation.events import Actor

Status = Booking.Status
P = ParamSpec("P")


@dataclass(frozen=True)
class NewBooking:
    """A new booking and its manage token, which is stored only as a hash and so can be shown only now."""

    booking: Booking
    manage_token: str


class BookingInput(TypedDict):
    """What somebody wants to have. ``customer`` is their name, phone and email; nobody named means whoever is free."""

    service: Service
    starts_at: datetime
    customer: dict[str, str]
    resource: NotRequired[Resource | None]
    party_size: NotRequired[int]
    notes: NotRequired[str]


def create_booking(
    *, actor: Actor, token_for: TokenMaker = random_token, booking_id: UUID | None = None, **wish: Unpack[BookingInput]
) -> NewBooking:
    """Book a visit that is paid at the desk: pending, or confirmed where the service or staff confirm it at once.

    Raises SlotTaken, OutsideHours, PartyTooLarge, TooManyOpen, or ServiceNotPayable where customers pay online; and
    IntegrityError where another booking has the id that is asked for.
    """
    service = wish["service"]
    if service.due_online_minor and actor.is_customer:
        raise WrongPaymentMode("This service is paid online: use POST /bookings/razorpay-booking.")
    is_request = service.requires_confirmation and actor.is_customer
    status = Status.PENDING if is_request else Status.CONFIRMED
    announced = events.booking_requested if is_request else events.booking_confirmed
    return _book(wish, actor, token_for, booking_id or uuid4(), status, announced)


def hold_booking(*, actor: Actor, token_for: TokenMaker = random_token, **wish: Unpack[BookingInput]) -> NewBooking:
    """Keep a slot while its customer pays: held until ``hold_expires_at``. Raises as create_booking does."""
    if not wish["service"].due_online_minor:
        raise WrongPaymentMode("This service takes no payment online: use POST /bookings/.")
    return _book(wish, actor, token_for, uuid4(), Status.HELD, events.booking_held)


def reissue_manage_token(*, booking: Booking) -> NewBooking:
    """Give a booking another manage token; the one it had opens nothing any more."""
    token = random_token(booking.pk)
    Booking.objects.filter(pk=booking.pk).update(manage_token_hash=hash_token(token))
    return NewBooking(booking, token)


def _under_a_free_reference(book: Callable[P, NewBooking]) -> Callable[P, NewBooking]:
    """Book anew where the reference that was drawn is taken: with a million bookings, it is for one in a thousand."""

    @wraps(book)
    def until_free(*args: P.args, **kwargs: P.kwargs) -> NewBooking:
        while True:
            try:
                return book(*args, **kwargs)
            except IntegrityError as error:
                if "bookings_booking_reference_key" not in str(error):
                    raise

    return until_free


@_under_a_free_reference
def _book(
    wish: BookingInput, actor: Actor, token_for: TokenMaker, booking_id: UUID, status: Status, announced: Signal
) -> NewBooking:
    service, resource, people = wish["service"], wish.get("resource"), wish.get("party_size", 1)
    starts_at = wish["starts_at"].astimezone(UTC)  # on a zone's own clock, an hour more is none or two on some days
    check_start_time(service, starts_at, actor)
    token = token_for(booking_id)
    with translate_slot_conflicts(service, starts_at, resource, people):
        if actor.is_customer:
            _check_limits(service, wish["customer"]["phone"], status)
        slot = reserve_slot(service, starts_at, resource, people=people, at_any_minute=not actor.is_customer)
        booking = Booking.objects.create(
            id=booking_id,
            service=service,
            resource=slot.resource,
            session=slot.session,
            customer=Customer.get_or_insert(**wish["customer"]),
            status=status,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            timezone=service.location.timezone,
            party_size=people,
            notes=wish.get("notes", ""),
            price_minor=service.price_minor * people,
            due_online_minor=service.due_online_minor * people if status == Status.HELD else 0,
            currency=service.currency,
            hold_expires_at=_hold_end(service) if status == Status.HELD else None,
            answer_by=response_deadline(service, starts_at) if status == Status.PENDING else None,
            cancel_cutoff_minutes=service.cancel_cutoff_minutes,
            reschedule_cutoff_minutes=service.reschedule_cutoff_minutes,
            manage_token_hash=hash_token(token),
        )
        write_allocations(booking, slot)
        record_event(booking, announced, "created", actor, from_status="")
    return NewBooking(booking, token)


def _check_limits(service: Service, phone: str, status: Status) -> None:
    most_visits = service.max_open_per_customer
    most_holds = settings.LIMIT_OPEN_HOLDS_PER_NUMBER if status == Status.HELD else 0
    if most_visits is None and not most_holds:
        return
    with connection.cursor() as cursor:  # one at a time by phone number, so that nobody counts beside another
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [phone])
    theirs = Booking.objects.active().filter(customer__phone=phone, starts_at__gt=Now())
    if most_visits is not None and theirs.filter(service=service).count() >= most_visits:
        raise TooManyUpcomingBookings(most_visits)
    if most_holds:
        holds = list(theirs.filter(status=Status.HELD).order_by("hold_expires_at"))
        if len(holds) >= most_holds:
            raise UnpaidHoldExists(holds[0])


def _hold_end(service: Service) -> datetime:
    return timezone.now() + timedelta(minutes=service.hold_minutes)
