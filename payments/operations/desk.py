"""Record and void desk payments."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bookings.models import Booking
from foundation.events import Actor
from foundation.money import format_money
from payments.balance import balance_of
from payments.exceptions import FormAlreadySent, PayoutTooLarge
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
    """Record money that was taken or paid out at the desk. The same ``key`` returns the same desk payment.

    Raises PayoutTooLarge if more would be paid out than was received, or FormAlreadySent.
    """
    booking = Booking.objects.select_for_update(no_key=True, of=("self",)).get(pk=booking_id)
    if (existing := DeskPayment.objects.filter(pk=key).first()) is not None:
        if existing.booking_id != booking.pk:
            raise FormAlreadySent
        return existing
    if is_payout and amount_minor > (held := balance_of(booking).held_minor):
        left = format_money(max(held, 0), booking.currency)
        raise PayoutTooLarge(f"At most {left} can be paid out: the amount received that has not been returned.")
    return DeskPayment.objects.create(
        pk=key,
        booking=booking,
        method=method,
        amount_minor=amount_minor,
        currency=booking.currency,
        is_payout=is_payout,
        note=note,
        taken_by=str(actor),
    )


@transaction.atomic
def void_desk_payment(*, desk_payment_id: UUID, actor: Actor) -> bool:
    """Void a desk payment; return False if it was already voided.

    Raises PayoutTooLarge if its money has been paid out or refunded since.
    """
    valid = DeskPayment.objects.filter(pk=desk_payment_id, voided_at=None)
    if (desk_payment := valid.first()) is None:
        return False
    booking = Booking.objects.select_for_update(no_key=True, of=("self",)).get(pk=desk_payment.booking_id)
    if not desk_payment.is_payout and desk_payment.amount_minor > balance_of(booking).held_minor:
        raise PayoutTooLarge("Its money has been paid out since. Void the payout first.")
    return bool(valid.update(voided_at=timezone.now(), voided_by=str(actor)))
