"""Record and void desk payments."""

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
    """Record money that was taken or paid out at the desk. The same ``key`` returns the same desk payment."""
    booking = Booking.objects.get(pk=booking_id)
    desk_payment, _ = DeskPayment.objects.get_or_create(
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
    return desk_payment


@transaction.atomic
def void_desk_payment(*, desk_payment_id: UUID, actor: Actor) -> bool:
    """Void a desk payment; return False if it was already voided."""
    valid = DeskPayment.objects.filter(pk=desk_payment_id, voided_at=None)
    return bool(valid.update(voided_at=timezone.now(), voided_by=str(actor)))
