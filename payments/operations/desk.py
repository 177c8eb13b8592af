"""Record and void desk payments, payouts and write-offs."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bookings.models import Booking
from foundation.clock import database_now
from foundation.events import Actor
from foundation.money import format_money
from payments.balance import balance_of
from payments.exceptions import FormAlreadySent, ManagerRequired, PayoutTooLarge, WriteOffTooLarge
from payments.models import DeskPayment
from payments.refund_policy import payout_by_policy

Kind = DeskPayment.Kind


@transaction.atomic
def record_desk_payment(
    *,
    booking_id: UUID,
    kind: DeskPayment.Kind,
    amount_minor: int,
    key: UUID,
    actor: Actor,
    method: str = "",
    note: str = "",
    is_by_manager: bool = False,
) -> DeskPayment:
    """Record money that was taken or paid out at the desk, or an amount that is written off and has no ``method``.

    The same ``key`` returns the same desk payment. Raises PayoutTooLarge if more would be paid out than was received,
    WriteOffTooLarge, FormAlreadySent, or ManagerRequired for a write-off, and for a payout beyond the refund policy.
    """
    booking = _lock_booking(booking_id)
    if (existing := DeskPayment.objects.filter(pk=key).first()) is not None:
        if existing.booking_id != booking.pk:
            raise FormAlreadySent
        return existing
    if kind == Kind.PAID_OUT:
        _check_payout(booking, amount_minor, is_by_manager=is_by_manager)
    elif kind == Kind.WRITTEN_OFF:
        _check_write_off(booking, amount_minor, is_by_manager=is_by_manager)
    return DeskPayment.objects.create(
        pk=key,
        booking=booking,
        kind=kind,
        method=method,
        amount_minor=amount_minor,
        currency=booking.currency,
        note=note,
        taken_by=str(actor),
    )


@transaction.atomic
def void_desk_payment(*, desk_payment_id: UUID, actor: Actor, is_by_manager: bool = False) -> bool:
    """Void a desk payment; return False if it was already voided.

    Raises PayoutTooLarge if its money has been paid out or refunded since, or ManagerRequired for a write-off, and for
    a desk payment of another day.
    """
    valid = DeskPayment.objects.filter(pk=desk_payment_id, voided_at=None)
    if (desk_payment := valid.first()) is None:
        return False
    booking = _lock_booking(desk_payment.booking_id)
    if not is_by_manager:
        _check_front_desk_may_void(desk_payment)
    if desk_payment.kind == Kind.TAKEN and desk_payment.amount_minor > balance_of(booking).held_minor:
        raise PayoutTooLarge("Its money has been paid out since. Void the payout first.")
    return bool(valid.update(voided_at=database_now(), voided_by=str(actor)))


def _lock_booking(booking_id: UUID) -> Booking:
    return Booking.objects.select_for_update(no_key=True, of=("self",)).get(pk=booking_id)


def _check_payout(booking: Booking, amount_minor: int, *, is_by_manager: bool) -> None:
    balance = balance_of(booking)
    if amount_minor > balance.held_minor:
        left = format_money(max(balance.held_minor, 0), booking.currency)
        raise PayoutTooLarge(f"At most {left} can be paid out: the amount received that has not been returned.")
    if not is_by_manager and amount_minor > (granted_minor := payout_by_policy(booking, balance)):
        granted = format_money(granted_minor, booking.currency)
        raise ManagerRequired(f"The refund policy grants {granted}. Ask a manager to pay out more.")


def _check_write_off(booking: Booking, amount_minor: int, *, is_by_manager: bool) -> None:
    if not is_by_manager:
        raise ManagerRequired("Only a manager can write off an amount.")
    if amount_minor > (due_minor := max(balance_of(booking).due_minor, 0)):
        raise WriteOffTooLarge(f"At most {format_money(due_minor, booking.currency)} can be written off: what is due.")


def _check_front_desk_may_void(desk_payment: DeskPayment) -> None:
    if desk_payment.kind == Kind.WRITTEN_OFF:
        raise ManagerRequired("Only a manager can void a write-off.")
    if timezone.localdate(desk_payment.taken_at) != timezone.localdate(database_now()):
        raise ManagerRequired("It changes the takings of an earlier day. Ask a manager to void it.")
