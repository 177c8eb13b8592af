"""Update payments and refunds in the books: lock them, advance their state, append to the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID, uuid4

from bookings.models import Booking
from foundation.clock import database_now
from foundation.events import Actor
from foundation.money import format_money
from payments.balance import balance_of
from payments.events import refund_failed, refund_requested
from payments.models import Payment, PaymentLog, PaymentOrder, Refund

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LockedAccount:
    """A booking and its order, both locked until the transaction ends."""

    booking: Booking
    order: PaymentOrder


def lock_account(order_id: UUID) -> LockedAccount:
    """Lock the booking and its order. Always lock in the order booking, order, payment, refund, to avoid deadlocks."""
    booking_id = PaymentOrder.objects.values_list("booking_id", flat=True).get(pk=order_id)
    booking = Booking.objects.select_for_update(no_key=True).get(pk=booking_id)
    return LockedAccount(booking, PaymentOrder.objects.select_for_update(no_key=True).get(pk=order_id))


def lock_payment(payment_id: int) -> Payment:
    """Lock the booking, the order and the payment; return the payment."""
    order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
    lock_account(order_id)
    return Payment.objects.select_for_update(no_key=True).select_related("order").get(pk=payment_id)


def advance_payment(payment: Payment, state: Payment.State, *, source: str, note: str = "") -> bool:
    """Advance the state of a locked payment; return whether it changed. Late reports of earlier states are ignored."""
    before = Payment.State(payment.state)
    if Payment.RANK[state] <= Payment.RANK[before]:
        if state != before:
            log.debug("Payment %s is already %s: ignored the outdated state %s from %s", payment, before, state, source)
        return False
    payment.state = state
    payment.save(update_fields=["state"])
    append_to_log(payment, before, state, source, note)
    return True


def set_disposition(payment: Payment, disposition: Payment.Disposition, *, source: str, reason: str = "") -> None:
    """Set the disposition of a locked payment, and log the change."""
    before = payment.disposition
    payment.disposition, payment.review_reason = disposition, reason
    payment.save(update_fields=["disposition", "review_reason"])
    append_to_log(payment, before, disposition, source, reason)
    if disposition == Payment.Disposition.REVIEW:
        log.error("Payment %s needs review: %s", payment, reason)


def advance_refund(refund: Refund, state: Refund.State, *, source: str, note: str = "") -> bool:
    """Advance the state of a locked refund; return whether it changed."""
    before = Refund.State(refund.state)
    if Refund.RANK[state] <= Refund.RANK[before]:
        return False
    refund.state = state
    if state == Refund.State.PROCESSED:
        refund.processed_at = database_now()
    elif state == Refund.State.FAILED:
        refund.failed_at = database_now()
    if state in (Refund.State.PROCESSED, Refund.State.FAILED):
        refund.next_try_at = None
    refund.save(
        update_fields=["state", "processed_at", "failed_at", "next_try_at", "razorpay_refund_id", "refunded_at"]
    )
    append_to_log(refund.payment, before, state, source, note, refund)
    return True


def request_refund(
    payment: Payment,
    *,
    amount_minor: int,
    cause: Refund.Source,
    actor: Actor,
    reason: str = "",
    key: UUID | None = None,
) -> Refund:
    """Write the intent to refund a locked payment, in full or in part; the worker calls the gateway.

    ``key`` becomes the id of the refund.
    """
    refund = Refund.objects.create(
        id=key or uuid4(),
        payment=payment,
        amount_minor=amount_minor,
        currency=payment.currency,
        source=cause,
        reason=reason,
        requested_by=str(actor),
        next_try_at=database_now(),
    )
    append_to_log(payment, "", refund.state, str(actor), reason, refund)
    refund_requested.send(sender=Refund, refund=refund)
    return refund


def refund_automatically(
    payment: Payment, *, amount_minor: int, cause: Refund.Source, actor: Actor, reason: str = ""
) -> None:
    """Request a refund of a locked payment that is to be refunded, unless nothing is left.

    Staff decide instead if the customer could be paid twice: the payment is disputed, or the desk has paid money out.
    """
    if amount_minor <= 0:
        return
    held_minor = balance_of(payment.booking).held_minor
    if payment.has_open_dispute():
        obstacle = "It is disputed"
    elif amount_minor > held_minor:
        left = format_money(max(held_minor, 0), payment.booking.currency)
        obstacle = f"Only {left} of what was received for the booking is left"
    else:
        request_refund(payment, amount_minor=amount_minor, cause=cause, actor=actor, reason=reason)
        return
    reason = f"{obstacle}, so it was not refunded automatically. {reason}".strip()
    set_disposition(payment, Payment.Disposition.REVIEW, source=str(actor), reason=reason[:250])


def flag_failed_refund(payment: Payment, refund: Refund, *, source: str, was_processed: bool = False) -> None:
    """Publish the failure, and flag the locked payment for review if the refund is still due or was reported as
    processed."""
    refund_failed.send(sender=Refund, refund=refund)
    is_due = payment.disposition == Payment.Disposition.REFUND_DUE and payment.refundable_minor() > 0
    if is_due or was_processed:
        amount = format_money(refund.amount_minor, refund.currency)
        set_disposition(payment, Payment.Disposition.REVIEW, source=source, reason=f"The refund of {amount} failed.")


def append_to_log(
    payment: Payment, before: str, after: str, source: str, note: str, refund: Refund | None = None
) -> None:
    """Log a change of a payment, or of its refund or dispute."""
    PaymentLog.objects.create(
        order_id=payment.order_id,
        payment=payment,
        refund=refund,
        moved_from=before,
        moved_to=after,
        source=source[:160],
        note=note[:250],
    )
