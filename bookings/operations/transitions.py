"""What becomes of a booking at the time it has."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from bookings import events
from bookings.exceptions import InvalidTransition, TooLateToChange, VisitNotStarted
from bookings.lifecycle import lock_booking, release_slot, transition_booking
from bookings.models import Booking
from bookings.operations.rules import response_deadline
from bookings.scheduling.reservation import reclaim_slot
from foundation.events import Actor

Status = Booking.Status


@transaction.atomic
def confirm_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Confirm a pending booking; do nothing if it is confirmed already. Raises InvalidTransition from other states."""
    booking = lock_booking(booking_id)
    if booking.status == Status.CONFIRMED:
        return booking
    if booking.status != Status.PENDING:  # only money confirms a hold
        raise InvalidTransition(booking, Status.CONFIRMED)
    return transition_booking(booking, Status.CONFIRMED, events.booking_confirmed, "confirmed", actor)


@transaction.atomic
def decline_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Turn a request down; do nothing if that has been done. Raises InvalidTransition from any state but pending."""
    booking = lock_booking(booking_id)
    if booking.status == Status.DECLINED:
        return booking
    booking = transition_booking(booking, Status.DECLINED, events.booking_declined, "declined", actor)
    release_slot(booking)
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
        raise VisitNotStarted("The visit is still to come. Mark it once it has begun.")
    if is_correction:
        return transition_booking(booking, status, events.booking_corrected, "corrected", actor)
    booking = transition_booking(booking, status, announced, status.value, actor)
    if booking.session is None:  # whoever leaves a class early leaves nobody free
        release_slot(booking)
    return booking


@transaction.atomic
def accept_payment(*, booking_id: UUID, actor: Actor) -> bool:
    """Give a paid booking its slot for good; return whether the slot was still to be had.

    A hold becomes confirmed, or pending where staff confirm. One that lapsed is taken back if nobody has booked the
    time since. For a visit that is over, or a booking that is neither, it changes nothing and returns False.
    """
    booking = lock_booking(booking_id)
    is_held = booking.status == Status.HELD and booking.ends_at > timezone.now()
    if not is_held and not (_is_lapsed_hold(booking) and reclaim_slot(booking)):
        return False
    if booking.service.requires_confirmation and booking.status == Status.HELD:
        answer_by = response_deadline(booking.service, booking.starts_at)
        transition_booking(booking, Status.PENDING, events.booking_requested, "paid", actor, answer_by=answer_by)
    else:
        transition_booking(booking, Status.CONFIRMED, events.booking_confirmed, "paid", actor)
    return True


def _is_lapsed_hold(booking: Booking) -> bool:
    # A request expires too; but it was paid for, and that money has gone back.
    was_held = booking.events.filter(seq=booking.version, from_status=Status.HELD)
    return booking.status == Status.EXPIRED and was_held.exists()


@transaction.atomic
def cancel_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Cancel a booking that is still to come; do nothing if it is cancelled already.

    Customers may do so until the cut-off that held when they booked; staff always, and a late one is marked as such.
    Raises TooLateToChange or InvalidTransition.
    """
    booking = lock_booking(booking_id)
    if booking.status == Status.CANCELLED:
        return booking
    is_late = booking.status in Booking.RESCHEDULABLE and booking.is_within(booking.cancel_cutoff_minutes)
    if is_late and actor.is_customer:
        raise TooLateToChange("It is too late to cancel online. Please call us.")
    booking = transition_booking(
        booking, Status.CANCELLED, events.booking_cancelled, "cancelled", actor, is_late_cancellation=is_late
    )
    release_slot(booking)
    return booking
