"""The verbs of bookings. Each is one transaction that announces one event, or raises and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.dispatch import Signal
from django.utils import timezone

from bookings import events
from bookings.availability import nearest_free
from bookings.exceptions import (
    HoldOpen,
    InvalidTransition,
    OutsideHours,
    ServiceNotPayable,
    SlotTaken,
    TooEarly,
    TooLateToChange,
    TooManyOpen,
)
from bookings.manage_tokens import TokenMaker, random_token
from bookings.models import Booking, Customer, Resource, Service
from bookings.models.booking import hash_token
from bookings.moves import Actor, announce, expire_booking, lock_booking, move_booking, vacate
from bookings.slots import occupy, take_slot, take_slot_back

__all__ = [
    "Actor", "Booked", "accept_payment", "cancel_booking", "complete_booking", "confirm_booking", "create_booking",
    "decline_booking", "expire_unanswered", "extend_hold", "hold_booking", "lapse_hold", "mark_no_show", "release_hold",
    "reschedule_booking",
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
    """Book a visit that is paid at the desk: pending, or confirmed where the service or staff confirm it at once.

    Raises SlotTaken, OutsideHours, PartyTooLarge, TooManyOpen, or ServiceNotPayable where customers pay online.
    """
    if service.due_online_minor and actor.is_customer:
        raise ServiceNotPayable("This service is paid online: use POST /bookings/razorpay-booking.")
    is_request = service.requires_confirmation and actor.is_customer
    status = Status.PENDING if is_request else Status.CONFIRMED
    announced = events.booking_requested if is_request else events.booking_confirmed
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
    if booking.status != Status.PENDING:  # only money confirms a hold
        raise InvalidTransition(booking, Status.CONFIRMED)
    return move_booking(booking, Status.CONFIRMED, events.booking_confirmed, "confirmed", actor)


@transaction.atomic
def decline_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Turn a request down; do nothing if that has been done. Raises InvalidTransition from any state but pending."""
    booking = lock_booking(booking_id)
    if booking.status == Status.DECLINED:
        return booking
    booking = move_booking(booking, Status.DECLINED, events.booking_declined, "declined", actor)
    vacate(booking)
    return booking


@transaction.atomic
def complete_booking(*, booking_id: UUID, actor: Actor, may_correct: bool = False) -> Booking:
    """Note that the visit took place; do nothing if that is known. Raises InvalidTransition from other states.

    ``may_correct``: also if it was taken for missed.
    """
    return _conclude(booking_id, Status.COMPLETED, events.booking_completed, actor, may_correct)


@transaction.atomic
def mark_no_show(*, booking_id: UUID, actor: Actor, may_correct: bool = False) -> Booking:
    """Note that nobody came; do nothing if that is known. Raises TooEarly before the visit, or InvalidTransition.

    ``may_correct``: also if it was taken for completed.
    """
    return _conclude(booking_id, Status.NO_SHOW, events.booking_missed, actor, may_correct)


def _conclude(booking_id: UUID, status: Status, announced: Signal, actor: Actor, may_correct: bool) -> Booking:
    booking = lock_booking(booking_id)
    if booking.status == status:
        return booking
    is_correction = booking.status in (Status.COMPLETED, Status.NO_SHOW)
    if is_correction and not may_correct:
        raise InvalidTransition(booking, status)
    if status == Status.NO_SHOW and timezone.now() < booking.starts_at:
        raise TooEarly("The visit is still to come. Mark it once it has begun.")
    if is_correction:
        return move_booking(booking, status, events.booking_corrected, "corrected", actor)
    booking = move_booking(booking, status, announced, status.value, actor)
    if booking.session is None:  # whoever leaves a class early leaves nobody free
        vacate(booking)
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
        answer_by = _answer_end(booking.service, booking.starts_at)
        move_booking(booking, Status.PENDING, events.booking_requested, "paid", actor, answer_by=answer_by)
    else:
        move_booking(booking, Status.CONFIRMED, events.booking_confirmed, "paid", actor)
    return True


@transaction.atomic
def cancel_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Cancel a booking that is still to come; do nothing if it is cancelled already.

    Customers may do so until the cut-off that held when they booked; staff always, and a late one is marked as such.
    Raises TooLateToChange or InvalidTransition.
    """
    booking = lock_booking(booking_id)
    if booking.status == Status.CANCELLED:
        return booking
    is_late = booking.status in Booking.MOVABLE and booking.is_within(booking.cancel_cutoff_minutes)
    if is_late and actor.is_customer:
        raise TooLateToChange("It is too late to cancel online. Please call us.")
    booking = move_booking(
        booking, Status.CANCELLED, events.booking_cancelled, "cancelled", actor, is_late_cancellation=is_late
    )
    vacate(booking)
    return booking


@transaction.atomic
def reschedule_booking(
    *, booking_id: UUID, starts_at: datetime, actor: Actor, resource: Resource | None = None
) -> Booking:
    """Move a booking to another time, and to ``resource`` if one is named; do nothing if that is where it is.

    The same row, reference and price; customers may do so until the cut-off that held when they booked. Raises
    TooLateToChange, InvalidTransition, and what create_booking raises of the new time.
    """
    booking = lock_booking(booking_id)
    if booking.status not in Booking.MOVABLE:
        raise InvalidTransition(booking, "rescheduled")
    if booking.starts_at == starts_at and resource in (None, booking.resource):
        return booking
    if actor.is_customer and booking.is_within(booking.reschedule_cutoff_minutes):
        raise TooLateToChange("It is too late to move this booking online. Please call us.")
    service = booking.service
    _check_time(service, starts_at, actor)
    with _slot_conflicts(service, starts_at, resource, booking.party_size):
        slot = take_slot(
            service, starts_at, resource, people=booking.party_size, at_any_minute=not actor.is_customer,
            instead_of=booking,
        )  # fmt: skip
        answer_by = booking.answer_by and min(booking.answer_by, starts_at)
        if not booking.move_in_time(
            slot.starts_at, slot.ends_at, slot.resource, session=slot.session, answer_by=answer_by
        ):
            raise InvalidTransition(booking, "rescheduled")
        occupy(booking, slot)
    announce(booking, events.booking_rescheduled, "rescheduled", actor, from_status=booking.status)
    return booking


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
    _check_time(service, starts_at, actor)
    booking_id = uuid4()
    token = token_for(booking_id)
    with _slot_conflicts(service, starts_at, resource, party_size), transaction.atomic():
        if actor.is_customer:
            _check_limits(service, customer["phone"], status)
        slot = take_slot(service, starts_at, resource, people=party_size, at_any_minute=not actor.is_customer)
        booking = Booking.objects.create(
            id=booking_id,
            service=service,
            resource=slot.resource,
            session=slot.session,
            customer=Customer.remember(**customer),
            status=status,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            timezone=service.location.timezone,
            party_size=party_size,
            notes=notes,
            price_minor=service.price_minor * party_size,
            due_online_minor=service.due_online_minor * party_size if status == Status.HELD else 0,
            currency=service.currency,
            hold_expires_at=_hold_end(service) if status == Status.HELD else None,
            answer_by=_answer_end(service, starts_at) if status == Status.PENDING else None,
            cancel_cutoff_minutes=service.cancel_cutoff_minutes,
            reschedule_cutoff_minutes=service.reschedule_cutoff_minutes,
            manage_token_hash=hash_token(token),
        )
        occupy(booking, slot)
        announce(booking, announced, "created", actor, from_status="")
    return Booked(booking, token)


@contextmanager
def _slot_conflicts(service: Service, starts_at: datetime, resource: Resource | None, people: int) -> Iterator[None]:
    """Let every way in which a time turns out to be taken end in one SlotTaken, with what is free instead."""
    try:
        with transaction.atomic():
            yield
    except SlotTaken as refusal:
        raise SlotTaken(nearest_free(service, starts_at, resource, people)) from refusal
    except IntegrityError as error:
        if "no_double_booking" not in str(error):
            raise
        raise SlotTaken(nearest_free(service, starts_at, resource, people)) from error


def _check_time(service: Service, starts_at: datetime, actor: Actor) -> None:
    now = timezone.now()
    if not actor.is_customer:
        if service.ends_at(starts_at) <= now:
            raise OutsideHours("That time has passed. Pick a later one.")
        return
    if starts_at < now + timedelta(minutes=service.min_notice_minutes):
        raise OutsideHours("That time has passed or is too close. Pick a later one.")
    if starts_at > now + timedelta(days=service.horizon_days):
        raise OutsideHours(
            f"This service can be booked at most {service.horizon_days} days ahead. Pick an earlier time."
        )


def _check_limits(service: Service, phone: str, status: Status) -> None:
    most_visits = service.max_open_per_customer
    most_holds = settings.LIMIT_OPEN_HOLDS_PER_NUMBER if status == Status.HELD else 0
    if most_visits is None and not most_holds:
        return
    with connection.cursor() as cursor:  # one at a time by phone number, so that nobody counts beside another
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [phone])
    theirs = Booking.objects.filter(customer__phone=phone, status__in=Booking.BLOCKING, starts_at__gt=Now())
    if most_visits is not None and theirs.filter(service=service).count() >= most_visits:
        raise TooManyOpen(most_visits)
    if most_holds:
        holds = list(theirs.filter(hold_expires_at__gt=Now()).order_by("hold_expires_at"))
        if len(holds) >= most_holds:
            raise HoldOpen(holds[0])


def _answer_end(service: Service, starts_at: datetime) -> datetime:
    return min(timezone.now() + timedelta(minutes=service.answer_minutes), starts_at)


def _hold_end(service: Service) -> datetime:
    return timezone.now() + timedelta(minutes=service.hold_minutes)
