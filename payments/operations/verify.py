"""Verify a payment that Razorpay Checkout reports."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from bookings.models import Booking
from payments.exceptions import (
    PaidTooLate,
    PaymentMismatch,
    SignatureInvalid,
    UnknownOrder,
)
from payments.gateway.entities import GatewayPayment
from payments.gateway.signatures import is_payment_signature_valid
from payments.models import Payment, PaymentOrder
from payments.operations.settle import settle_payment

log = logging.getLogger(__name__)


def verify_payment(*, order_id: str, payment_id: str, signature: str) -> Booking:
    """Apply a payment that Checkout reports, once; a second call with the same payment returns the same booking.

    A signature proves that the gateway authorised this payment of this order, for the order's own sum: the booking is
    confirmed on it, and the capture checked within seconds. Raises OrderUnknown, SignatureInvalid, PaymentMismatch, or
    PaidTooLate where the slot could not be kept.
    """
    order = PaymentOrder.objects.find_by_razorpay_id(order_id)
    if order is None or order.razorpay_order_id is None:
        raise UnknownOrder("There is no such order. Start again with POST /bookings/razorpay-booking.")
    if not is_payment_signature_valid(order_id=order.razorpay_order_id, payment_id=payment_id, signature=signature):
        log.warning("A payment of order %s came with a wrong signature", order.pk)
        raise SignatureInvalid("The signature does not match. Send the three values exactly as Checkout returned them.")
    payment = _apply_signed(order, payment_id)
    booking = Booking.objects.for_api().get(pk=order.booking_id)
    if booking.status in Booking.PAYABLE or payment.disposition == Payment.Disposition.CONFIRMS:
        return booking
    if payment.disposition in (Payment.Disposition.NONE, Payment.Disposition.REFUND_DUE):
        raise PaidTooLate("The slot was given up before the payment arrived. The money will be paid back.")
    raise PaidTooLate("The booking is given up. Please call us about the money.")


@transaction.atomic
def _apply_signed(order: PaymentOrder, payment_id: str) -> Payment:
    facts = GatewayPayment(
        payment_id,
        order.razorpay_order_id or "",
        order.amount_minor,
        order.currency,
        Payment.State.AUTHORIZED,
        was_captured=False,
    )
    try:
        payment = settle_payment(order_id=order.pk, facts=facts, source="verify", is_signed=True)
    except PaymentMismatch:
        log.error("Payment %s was signed for order %s, but is of another", payment_id, order.pk)
        raise
    # Whoever it turns out to be for, the gateway is asked about it at once.
    PaymentOrder.objects.filter(pk=order.pk).update(next_check_at=timezone.now())
    return payment
