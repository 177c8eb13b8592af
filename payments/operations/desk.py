"""Record and void payments at the desk."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bookings.models import Booking
from foundation.events import Actor
from payments.models import DeskPayment


@transaction.atomic
def record_desk_payment(
    *,
    booking_id: UUID,
    method: DeskPayment.Method,
    amount_minor: int,
    key: UUID,
    actor: Actor,
    is_payout: bool = False,
    note: str = "",
) -> DeskPayment:
    """Write down money that changed hands at the desk. The same ``key`` is the same slip: a double click is one."""
    booking = Booking.objects.get(pk=booking_id)
    slip, _ = DeskPayment.objects.get_or_create(
        pk=key,
        defaults={
            "booking": booking,
            "method": method,
            "amount_minor": amount_minor,
            "currency": booking.currency,
            "is_payout": is_payout,
            "note": note,
            "taken_by": str(actor),
        },
    )
    return slip


@transaction.atomic
def void_desk_payment(*, slip_id: UUID, actor: Actor) -> bool:
    """Strike a slip out; return whether it still counted."""
    slips = DeskPayment.objects.filter(pk=slip_id, voided_at=None)
    return bool(slips.update(voided_at=timezone.now(), voided_by=str(actor)))
