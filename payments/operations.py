"""The verbs of payments. Each is one transaction; the gateway is only ever called between two of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import Actor, Booked, accept_payment, hold_booking, release_hold
from payments import gateway
from payments.events import payment_verified
from payments.exceptions import (
    GatewayRejected,
    GatewayUnavailable,
    OrderUnknown,
    PaidTooLate,
    PaymentMismatch,
    SignatureInvalid,
)
from payments.models import Payment, PaymentOrder

log = logging.getLogger(__name__)

GATEWAY = Actor("gateway", "Razorpay")


@dataclass(frozen=True)
class Checkout:
    """A held booking with the order that pays for it."""

    booked: Booked
    order: PaymentOrder


def start_checkout(*, actor: Actor, **request: Any) -> Checkout:
    """Hold a slot and open an order for it at the gateway; ``request`` is what hold_booking takes.

    The intent is committed before the gateway is called, so a crash leaves a hold that lapses by itself and an order
    that can be found by its receipt. Raises what hold_booking raises, GatewayRejected (the slot is free again), or
    GatewayUnavailable (the slot stays held).
    """
    with transaction.atomic():
        booked = hold_booking(actor=actor, **request)
        booking = booked.booking
        order = PaymentOrder.objects.create(
            booking=booking,
            key_id=settings.RAZORPAY_KEY_ID,
            amount_minor=booking.due_online_minor,
            currency=booking.currency,
        )
    try:
        opened = gateway.create_order(
            amount_minor=order.amount_minor,
            currency=order.currency,
            receipt=order.receipt,
            notes={"booking": booking.reference},
        )
    except gateway.Rejected as refusal:
        _reject_order(order, str(refusal))
        raise GatewayRejected("The payment gateway refused the order. Please contact us to book.") from refusal
    except (gateway.NotSent, gateway.OutcomeUnknown) as trouble:
        _note_trouble(order, str(trouble))
        raise GatewayUnavailable(booking) from trouble
    _open_order(order, opened)
    return Checkout(booked, order)


def _reject_order(order: PaymentOrder, reason: str) -> None:
    log.error("Razorpay refused order %s: %s", order.receipt, reason)
    with transaction.atomic():
        release_hold(booking_id=order.booking_id, actor=GATEWAY)
        PaymentOrder.objects.filter(pk=order.pk).update(
            state=PaymentOrder.State.REJECTED, last_error=reason[:250], updated_at=timezone.now()
        )


def _note_trouble(order: PaymentOrder, reason: str) -> None:
    log.warning("Order %s is not open yet: %s", order.receipt, reason)
    PaymentOrder.objects.filter(pk=order.pk).update(last_error=reason[:250], updated_at=timezone.now())


def _open_order(order: PaymentOrder, opened: gateway.GatewayOrder) -> None:
    echoed = (opened.amount_minor, opened.currency, opened.receipt)
    if echoed != (order.amount_minor, order.currency, order.receipt):
        _reject_order(order, f"The gateway opened an order for {echoed}.")
        raise GatewayRejected("The payment gateway answered with another amount. Please contact us to book.")
    order.razorpay_order_id, order.state = opened.order_id, PaymentOrder.State.OPEN
    order.save(update_fields=["razorpay_order_id", "state", "updated_at"])


def verify_payment(*, order_id: str, payment_id: str, signature: str) -> Booking:
    """Apply a payment that Checkout reports, once; a second call with the same payment returns the same booking.

    Raises OrderUnknown, SignatureInvalid, PaymentMismatch, or PaidTooLate where the slot could not be kept. A signature
    proves that the gateway authorised this payment of this order, for the order's own amount.
    """
    order = PaymentOrder.objects.filter(razorpay_order_id=order_id).first()
    if order is None or order.razorpay_order_id is None:
        raise OrderUnknown("There is no such order. Start again with POST /bookings/razorpay-booking.")
    if not gateway.signature_is_valid(order_id=order.razorpay_order_id, payment_id=payment_id, signature=signature):
        log.warning("A payment of order %s came with a wrong signature", order.pk)
        raise SignatureInvalid("The signature does not match. Send the three values exactly as Checkout returned them.")
    payment = _apply_verified_payment(order, payment_id)
    if payment.disposition != Payment.Disposition.CONFIRMS:
        raise PaidTooLate("The slot was given up before the payment arrived. The money will be paid back.")
    return Booking.objects.for_api().get(pk=order.booking_id)


@transaction.atomic
def _apply_verified_payment(order: PaymentOrder, payment_id: str) -> Payment:
    # Always booking, then order, then payment: every path locks in this order.
    Booking.objects.select_for_update(no_key=True).get(pk=order.booking_id)
    order = PaymentOrder.objects.select_for_update().get(pk=order.pk)
    payment, is_new = Payment.objects.get_or_create(
        razorpay_payment_id=payment_id,
        defaults={
            "order": order,
            "booking_id": order.booking_id,
            "amount_minor": order.amount_minor,
            "currency": order.currency,
            "state": Payment.State.AUTHORIZED,
            "signature_verified_at": timezone.now(),
        },
    )
    if payment.order_id != order.pk:
        raise PaymentMismatch("That payment belongs to another order.")
    if is_new:
        _settle(order, payment)
    return payment


def _settle(order: PaymentOrder, payment: Payment) -> None:
    """Decide, in the transaction that records the money, what it is for: this booking, or the way back."""
    kept = accept_payment(booking_id=order.booking_id, actor=GATEWAY)
    payment.disposition = Payment.Disposition.CONFIRMS if kept else Payment.Disposition.REFUND_DUE
    payment.save(update_fields=["disposition"])
    PaymentOrder.objects.filter(pk=order.pk).update(state=PaymentOrder.State.PAID, updated_at=timezone.now())
    payment_verified.send(sender=Payment, payment=payment)
