"""Confirm, decline, complete and cancel bookings, mark no-shows, and accept payments."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.dispatch import Signal

from bookings import events
from bookings.exceptions import InvalidTransition, TooEarly, TooLateToChange
from bookings.lifecycle import lock_booking, release_slot, transition_booking
from bookings.models import Booking, BookingEvent
from bookings.operations.rules import response_deadline
from bookings.scheduling.reservation import reclaim_slot
from foundation.clock import database_now
from foundation.events import Actor

Kind = BookingEvent.Kind
Status = Booking.Status


@transaction.atomic
def confirm_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Confirm a pending booking; do nothing if it is already confirmed. Raises InvalidTransition in other statuses."""
    booking = lock_booking(booking_id)
    if booking.status == Status.CONFIRMED:
        return booking
    if booking.status != Status.PENDING:  # only a payment confirms a hold
        raise InvalidTransition(booking, Status.CONFIRMED)
    return transition_booking(booking, Status.CONFIRMED, events.booking_confirmed, Kind.CONFIRMED, actor)


@transaction.atomic
def decline_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Decline a request; do nothing if it is already declined. Raises InvalidTransition unless it is pending."""
    booking = lock_booking(booking_id)
    if booking.status == Status.DECLINED:
        return booking
    booking = transition_booking(booking, Status.DECLINED, events.booking_declined, Kind.DECLINED, actor)
    release_slot(booking)
    return booking


@transaction.atomic
def complete_booking(*, booking_id: UUID, actor: Actor, may_correct: bool = False) -> Booking:
    """Complete a confirmed booking on the day of the visit or later; do nothing if it is already completed.

    ``may_correct`` also allows it for a booking that was marked as a no-show. Raises TooEarly or InvalidTransition.
    """
    return _conclude(booking_id, Status.COMPLETED, events.booking_completed, Kind.COMPLETED, actor, may_correct)


@transaction.atomic
def mark_no_show(*, booking_id: UUID, actor: Actor, may_correct: bool = False) -> Booking:
    """Mark a confirmed booking as a no-show once the visit has started; do nothing if it already is one.

    ``may_correct`` also allows it for a completed booking. Raises TooEarly or InvalidTransition.
    """
    return _conclude(booking_id, Status.NO_SHOW, events.booking_missed, Kind.NO_SHOW, actor, may_correct)


@transaction.atomic
def cancel_booking(*, booking_id: UUID, actor: Actor) -> Booking:
    """Cancel a booking; do nothing if it is already cancelled.

    Customers may cancel a hold at any time, other bookings until ``cancel_until``. Staff may always cancel; a later
    cancellation is marked as late. Raises TooLateToChange or InvalidTransition.
    """
    booking = lock_booking(booking_id)
    if booking.status == Status.CANCELLED:
        return booking
    is_late = booking.status in Booking.RESCHEDULABLE and booking.is_late
    if is_late and actor.is_customer:
        raise TooLateToChange("It is too late to cancel online. Please call us.")
    booking = transition_booking(
        booking, Status.CANCELLED, events.booking_cancelled, Kind.CANCELLED, actor, is_late_cancellation=is_late
    )
    release_slot(booking)
    return booking


@transaction.atomic
def accept_payment(*, booking_id: UUID, actor: Actor) -> bool:
    """Keep the slot of a paid booking; return whether it was still available.

    A hold becomes confirmed, or pending if staff must confirm it. An expired hold becomes confirmed if its slot is
    in the future, open and free. Otherwise the booking does not change and the result is False.
    """
    booking = lock_booking(booking_id)
    is_held = booking.status == Status.HELD and booking.ends_at > database_now()
    if not is_held and not (_is_expired_hold(booking) and reclaim_slot(booking)):
        return False
    if booking.service.requires_confirmation and booking.status == Status.HELD:
        answer_by = response_deadline(booking.service, booking.starts_at)
        transition_booking(booking, Status.PENDING, events.booking_requested, Kind.PAID, actor, answer_by=answer_by)
    else:
        transition_booking(booking, Status.CONFIRMED, events.booking_confirmed, Kind.PAID, actor)
    return True


def _conclude(
    booking_id: UUID,
    status: Booking.Status,
    signal: Signal,
    kind: BookingEvent.Kind,
    actor: Actor,
    may_correct: bool,
) -> Booking:
    booking = lock_booking(booking_id)
    if booking.status == status:
        return booking
    is_correction = booking.status in (Status.COMPLETED, Status.NO_SHOW)
    if booking.status != Status.CONFIRMED and not (is_correction and may_correct):
        raise InvalidTransition(booking, status)
    _check_not_too_early(booking, status)
    if is_correction:
        return transition_booking(booking, status, events.booking_corrected, Kind.CORRECTED, actor)
    booking = transition_booking(booking, status, signal, kind, actor)
    if booking.session is None:  # attendees keep their places in a session
        release_slot(booking)
    return booking


def _check_not_too_early(booking: Booking, status: Booking.Status) -> None:
    now = database_now()
    if status == Status.NO_SHOW and now < booking.starts_at:
        raise TooEarly(f"Visit {booking.reference} has not started yet. Mark the no-show once it has started.")
    day = booking.starts_at.astimezone(booking.zone).date()
    if now.astimezone(booking.zone).date() < day:
        raise TooEarly(f"Visit {booking.reference} is on {day:%d %b %Y}. Complete it on that day or later.")


def _is_expired_hold(booking: Booking) -> bool:
    # Excludes expired requests: a refund of their payment has already been requested.
    was_held = booking.events.filter(seq=booking.version, from_status=Status.HELD)
    return booking.status == Status.EXPIRED and was_held.exists()
