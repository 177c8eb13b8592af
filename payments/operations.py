"""The verbs of payments. Each is one transaction; the gateway is only ever called between two of them."""

from __future__ import annotations

import logging
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import Actor, accept_payment, cancel_booking
from payments import gateway
from payments.checkout import Checkout, start_checkout
from payments.entities import GatewayPayment
from payments.exceptions import (
    NotReviewable,
    OrderUnknown,
    PaidTooLate,
    PaymentMismatch,
    RefundTooLarge,
    SignatureInvalid,
)
from payments.facts import apply_payment_facts
from payments.ledger import dispose, lock_payment, queue_refund
from payments.models import DeskPayment, Payment, PaymentOrder, Refund

__all__ = [
    "Checkout", "Resolution", "pay_back", "resolve_review", "start_checkout", "take_at_desk", "verify_payment",
    "void_desk_payment",
]  # fmt: skip

log = logging.getLogger(__name__)


def verify_payment(*, order_id: str, payment_id: str, signature: str) -> Booking:
    """Apply a payment that Checkout reports, once; a second call with the same payment returns the same booking.

    A signature proves that the gateway authorised this payment of this order, for the order's own sum: the booking is
    confirmed on it, and the capture checked within seconds. Raises OrderUnknown, SignatureInvalid, PaymentMismatch, or
    PaidTooLate where the slot could not be kept.
    """
    order = PaymentOrder.objects.known_as(order_id)
    if order is None or order.razorpay_order_id is None:
        raise OrderUnknown("There is no such order. Start again with POST /bookings/razorpay-booking.")
    if not gateway.signature_is_valid(order_id=order.razorpay_order_id, payment_id=payment_id, signature=signature):
        log.warning("A payment of order %s came with a wrong signature", order.pk)
        raise SignatureInvalid("The signature does not match. Send the three values exactly as Checkout returned them.")
    payment = _apply_signed(order, payment_id)
    booking = Booking.objects.for_api().get(pk=order.booking_id)
    if booking.status in Booking.KEPT or payment.disposition == Payment.Disposition.CONFIRMS:
        return booking
    if payment.disposition in (Payment.Disposition.NONE, Payment.Disposition.REFUND_DUE):
        raise PaidTooLate("The slot was given up before the payment arrived. The money will be paid back.")
    raise PaidTooLate("The booking is given up. Please call us about the money.")


@transaction.atomic
def _apply_signed(order: PaymentOrder, payment_id: str) -> Payment:
    facts = GatewayPayment(
        payment_id, order.razorpay_order_id or "", order.amount_minor, order.currency, Payment.State.AUTHORIZED,
        was_captured=False,
    )  # fmt: skip
    try:
        payment = apply_payment_facts(order_id=order.pk, facts=facts, source="verify", is_signed=True)
    except PaymentMismatch:
        log.error("Payment %s was signed for order %s, but is of another", payment_id, order.pk)
        raise
    # Whoever it turns out to be for, the gateway is asked about it at once.
    PaymentOrder.objects.filter(pk=order.pk).update(next_check_at=timezone.now())
    return payment


@transaction.atomic
def pay_back(
    *, payment_id: int, amount_minor: int, key: UUID, actor: Actor, reason: str = "", cancels_booking: bool = False
) -> Refund:
    """Owe a payer money; the gateway is asked for it soon. The same ``key`` is the same refund: a double click is one.

    ``cancels_booking``: the booking is given up with it; otherwise it stands. Raises RefundTooLarge, or
    InvalidTransition for a booking that cannot be cancelled any more.
    """
    payment = lock_payment(payment_id)
    known = Refund.objects.filter(pk=key, payment=payment).first()
    if known is not None:
        return known
    if not 0 < amount_minor <= payment.outstanding_minor():
        raise RefundTooLarge(payment)
    refund = queue_refund(
        payment, amount_minor=amount_minor, cause=Refund.Source.STAFF, actor=actor, reason=reason, key=key
    )
    if cancels_booking:
        cancel_booking(booking_id=payment.booking_id, actor=actor)
        payment.refresh_from_db(fields=["disposition", "review_reason"])
        if (
            payment.disposition == Payment.Disposition.REVIEW
        ):  # the sum was chosen with the cancellation: no more to ask
            dispose(payment, Payment.Disposition.CLOSED, source=str(actor), reason="The rest was kept on purpose.")
    return refund


class Resolution(models.TextChoices):
    """What a person may decide of money that fits nothing."""

    PAY_BACK = "pay_back", "Pay it all back"
    USE = "use", "Let it pay for the booking"
    NOTED = "noted", "It has been dealt with elsewhere"


@transaction.atomic
def resolve_review(*, payment_id: int, resolution: Resolution, note: str, actor: Actor) -> Payment:
    """Carry out what a person decided of a payment in review. Raises NotReviewable if that cannot be."""
    payment = lock_payment(payment_id)
    if payment.disposition != Payment.Disposition.REVIEW:
        raise NotReviewable("Somebody was faster: it needs no decision any more.")
    if resolution == Resolution.PAY_BACK:
        _pay_all_back(payment, actor, note)
    elif resolution == Resolution.USE:
        _use(payment, actor, note)
    else:
        dispose(payment, Payment.Disposition.CLOSED, source=str(actor), reason=note)
    return payment


def _pay_all_back(payment: Payment, actor: Actor, note: str) -> None:
    owed = payment.outstanding_minor()
    if owed <= 0:
        raise NotReviewable("Nothing of it is left to pay back.")
    dispose(payment, Payment.Disposition.REFUND_DUE, source=str(actor), reason=note)
    queue_refund(payment, amount_minor=owed, cause=Refund.Source.STAFF, actor=actor, reason=note)


def _use(payment: Payment, actor: Actor, note: str) -> None:
    if not payment.is_captured or payment.outstanding_minor() <= 0:
        raise NotReviewable("The money is not ours: it cannot pay for a booking.")
    is_paid = Payment.objects.filter(booking=payment.booking_id, disposition=Payment.Disposition.CONFIRMS).exists()
    is_kept = payment.booking.status in Booking.KEPT
    if is_paid or not (is_kept or accept_payment(booking_id=payment.booking_id, actor=actor)):
        raise NotReviewable("The booking is paid already, or its slot is gone. Pay the money back instead.")
    dispose(payment, Payment.Disposition.CONFIRMS, source=str(actor), reason=note)


@transaction.atomic
def take_at_desk(
    *, booking_id: UUID, method: DeskPayment.Method, amount_minor: int, key: UUID, actor: Actor,
    is_payout: bool = False, note: str = "",
) -> DeskPayment:  # fmt: skip
    """Write down money that changed hands at the desk. The same ``key`` is the same slip: a double click is one."""
    booking = Booking.objects.get(pk=booking_id)
    slip, _ = DeskPayment.objects.get_or_create(
        pk=key,
        defaults={
            "booking": booking, "method": method, "amount_minor": amount_minor, "currency": booking.currency,
            "is_payout": is_payout, "note": note, "taken_by": str(actor),
        },
    )  # fmt: skip
    return slip


@transaction.atomic
def void_desk_payment(*, slip_id: UUID, actor: Actor) -> bool:
    """Strike a slip out; return whether it still counted."""
    slips = DeskPayment.objects.filter(pk=slip_id, voided_at=None)
    return bool(slips.update(voided_at=timezone.now(), voided_by=str(actor)))
