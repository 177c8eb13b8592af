"""How a booking changes: lock it, move it, write it down, announce it. For operations and slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.dispatch import Signal

from bookings import events
from bookings.exceptions import InvalidTransition
from bookings.models import Booking, BookingEvent

Status = Booking.Status


@dataclass(frozen=True)
class Actor:
    """Who did it, in words for the booking's history: ``Actor("staff", "asha")``."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}".strip()

    @property
    def is_customer(self) -> bool:
        """Whether the rules for customers hold: notice, horizon, and until when a visit may be changed."""
        return self.kind == "customer"


def lock_booking(booking_id: UUID) -> Booking:
    """Return the booking with its row locked until the transaction ends."""
    return (
        Booking.objects.select_for_update(of=("self",), no_key=True)
        .select_related("service__location", "customer", "resource", "session")
        .get(pk=booking_id)
    )


def move_booking(
    booking: Booking, status: Status, announced: Signal, kind: str, actor: Actor, **fields: Any
) -> Booking:
    """Move a locked booking, write its event and announce it. Raises InvalidTransition."""
    before = booking.status
    if not booking.move_to(status, **fields):
        raise InvalidTransition(booking, status)
    announce(booking, announced, kind, actor, from_status=before)
    return booking


def expire_booking(booking: Booking, actor: Actor) -> None:
    """Give up a locked hold, or a request that nobody answered, and its slot."""
    if booking.status == Status.PENDING:
        move_booking(booking, Status.EXPIRED, events.booking_unanswered, "unanswered", actor)
    else:
        move_booking(booking, Status.EXPIRED, events.booking_expired, "expired", actor)
    vacate(booking)


def vacate(booking: Booking) -> None:
    """Give back what a locked booking takes of anybody's time."""
    if booking.session is None:
        booking.allocations.update(is_active=False)
    elif booking.session.let_go(booking.party_size):
        booking.session.allocations.update(is_active=False)


def announce(booking: Booking, announced: Signal, kind: str, actor: Actor, *, from_status: str) -> None:
    """Write what happened as the event of the booking's present version, and tell whoever listens."""
    event = BookingEvent.objects.create(
        booking=booking,
        seq=booking.version,
        kind=kind,
        from_status=from_status,
        to_status=booking.status,
        actor=str(actor),
    )
    announced.send(sender=Booking, booking=booking, event=event)
