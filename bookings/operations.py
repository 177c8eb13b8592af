"""The verbs of bookings. Each is one transaction that announces one event, or raises and leaves nothing behind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.dispatch import Signal
from django.utils import timezone

from bookings import events
from bookings.exceptions import InvalidTransition, OutsideHours, ServiceNotPayable, SlotTaken
from bookings.manage_tokens import TokenMaker, random_token
from bookings.models import Allocation, Booking, Customer, Resource, Service
from bookings.models.booking import hash_token
from bookings.moves import Actor, announce, expire_booking, lock_booking, move_booking
from bookings.slots import take_slot, take_slot_back

__all__ = [
    "Actor", "Booked", "accept_payment", "cancel_booking", "complete_booking", "confirm_booking", "create_booking",
    "extend_hold", "hold_booking", "lapse_hold", "release_hold",
]  # fmt: skip

Status = Booking.Status


@dataclass(frozen=True)
class Booked:
    """A new booking and its manage token, which is stored only as a hash and so can be shown only now."""

    booking: Booking
    manage_token: str


def create_booking(
    *,
    service: Service,
    starts_at: datetime,
    customer: dict[str, str],
    actor: Actor,
    resource: Resource | None = None,
    party_size: int = 1,
    notes: str = "",
    token_for: TokenMaker = random_token,
) -> Booked:
    """Book a service that is paid at the desk: pending, or confirmed where the service confirms itself.

    Raises SlotTaken, OutsideHours, or ServiceNotPayable for a service that is paid online.
    """
    if service.due_online_minor:
        raise ServiceNotPayable("This service is paid online: use POST /bookings/razorpay-booking.")
    status = Status.PENDING if service.requires_confirmation else Status.CONFIRMED
    announced = events.booking_requested if service.requires_confirmation else events.booking_confirmed
    return _book(
        service, starts_at, customer, actor, resource, party_size, notes, token_for,
        status=status, announced=announced,
    )  # fmt: skip


def hold_booking(
    *,
    service: Service,
    starts_at: datetime,
    customer: dict[str, str],
    actor: Actor,
    resource: Resource | None = None,
    party_size: int = 1,
    notes: str = "",
    token_for: TokenMaker = random_token,
) -> Booked:
    """Keep a slot while its customer pays: held until ``hold_expires_at``. Raises as create_booking does."""
    if not service.due_online_minor:
        raise ServiceNotPayable("This service takes no payment online: use POST /bookings/.")
    return _book(
        service, starts_at, customer, actor, resource, party_size, notes, token_for,
        status=Status.HELD, announced=events.booking_held,
    )  # fmt: skip


@transaction.atomic
def confirm_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Confirm a pending booking; do nothing if it is confirmed already. Raises InvalidTransition from other states."""
    booking = lock_booking(booking_id)
    if booking.status == Status.CONFIRMED:
        return booking
    if booking.status != Status.PENDING:
        raise InvalidTransition(booking, Status.CONFIRMED)
    return move_booking(booking, Status.CONFIRMED, events.booking_confirmed, "confirmed", actor)


@transaction.atomic
def complete_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Complete a confirmed booking; do nothing if it is completed already. Raises InvalidTransition otherwise."""
    booking = lock_booking(booking_id)
    if booking.status == Status.COMPLETED:
        return booking
    if booking.status != Status.CONFIRMED:
        raise InvalidTransition(booking, Status.COMPLETED)
    booking = move_booking(booking, Status.COMPLETED, events.booking_completed, "completed", actor)
    booking.allocations.update(is_active=False)
    return booking


@transaction.atomic
def accept_payment(*, booking_id: UUID, actor: Actor) -> bool:
    """Give a paid booking its slot for good; return whether the slot was still to be had.

    A hold becomes confirmed, or pending where staff confirm. One that lapsed is taken back if nobody has booked the
    time since. Calling it for a booking that has left both states changes nothing and returns False.
    """
    booking = lock_booking(booking_id)
    if booking.status not in (Status.HELD, Status.EXPIRED):
        return False
    if booking.status == Status.EXPIRED and not take_slot_back(booking):
        return False
    if booking.service.requires_confirmation and booking.status == Status.HELD:
        move_booking(booking, Status.PENDING, events.booking_requested, "paid", actor)
    else:
        move_booking(booking, Status.CONFIRMED, events.booking_confirmed, "paid", actor)
    return True


@transaction.atomic
def cancel_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Cancel a booking that is still to come; do nothing if it is cancelled already. Raises InvalidTransition."""
    booking = lock_booking(booking_id)
    if booking.status == Status.CANCELLED:
        return booking
    if booking.status not in Booking.BLOCKING:
        raise InvalidTransition(booking, Status.CANCELLED)
    booking = move_booking(booking, Status.CANCELLED, events.booking_cancelled, "cancelled", actor)
    booking.allocations.update(is_active=False)
    return booking


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


def _book(
    service: Service,
    starts_at: datetime,
    customer: dict[str, str],
    actor: Actor,
    resource: Resource | None,
    party_size: int,
    notes: str,
    token_for: TokenMaker,
    *,
    status: Status,
    announced: Signal,
) -> Booked:
    _check_bookable(service, starts_at)
    booking_id = uuid4()
    token = token_for(booking_id)
    try:
        with transaction.atomic():
            chosen = take_slot(service, starts_at, resource)
            booking = Booking.objects.create(
                id=booking_id,
                service=service,
                resource=chosen,
                customer=Customer.remember(**customer),
                status=status,
                starts_at=starts_at,
                ends_at=service.ends_at(starts_at),
                timezone=service.location.timezone,
                party_size=party_size,
                notes=notes,
                price_minor=service.price_minor,
                due_online_minor=service.due_online_minor,
                currency=service.currency,
                hold_expires_at=_hold_end(service) if status == Status.HELD else None,
                manage_token_hash=hash_token(token),
            )
            Allocation.objects.create(booking=booking, resource=chosen, blocked=service.blocked(starts_at))
            announce(booking, announced, "created", actor, from_status="")
    except IntegrityError as error:
        if "no_double_booking" not in str(error):
            raise
        raise SlotTaken("That time has just been taken. Pick another.") from error
    return Booked(booking, token)


def _check_bookable(service: Service, starts_at: datetime) -> None:
    now = timezone.now()
    if starts_at < now + timedelta(minutes=service.min_notice_minutes):
        raise OutsideHours("That time has passed or is too close. Pick a later one.")
    if starts_at > now + timedelta(days=service.horizon_days):
        raise OutsideHours(
            f"This service can be booked at most {service.horizon_days} days ahead. Pick an earlier time."
        )


def _hold_end(service: Service) -> datetime:
    return timezone.now() + timedelta(minutes=service.hold_minutes)
