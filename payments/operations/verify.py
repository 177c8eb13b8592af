"""Verify a payment that Razorpay Checkout reports to the customer's browser."""

from __future__ import annotations

import logging

from django.db import transaction

from bookings.models import Booking
from foundation.clock import database_now
from payments.exceptions import PaidTooLate, PaymentMismatch, SignatureInvalid, UnknownOrder
from payments.gateway.entities import GatewayPayment
from payments.gateway.signatures import is_payment_signature_valid
from payments.models import Payment, PaymentLog, PaymentOrder
from payments.operations.settle import settle_payment

log = logging.getLogger(__name__)


def verify_payment(*, order_id: str, payment_id: str, signature: str) -> Booking:
    """Settle a signed payment; a second call with the same payment returns the same booking.

    The signature proves that the gateway authorised this payment for this order, so the booking is confirmed. The
    capture is polled within seconds. Raises UnknownOrder, SignatureInvalid, PaymentMismatch, or PaidTooLate if the slot
    is no longer free or the booking is no longer active.
    """
    order = PaymentOrder.objects.find_by_razorpay_id(order_id)
    if order is None or order.razorpay_order_id is None:
        raise UnknownOrder("There is no such order. Start again with POST /bookings/razorpay-booking.")
    if not is_payment_signature_valid(order_id=order.razorpay_order_id, payment_id=payment_id, signature=signature):
        log.warning("Invalid signature for a payment of order %s", order.pk)
        raise SignatureInvalid("The signature does not match. Send the three values exactly as Checkout returned them.")
    payment = _settle_signed(order, payment_id)
    booking = Booking.objects.for_api().get(pk=order.booking_id)
    if booking.status in Booking.PAYABLE or payment.disposition == Payment.Disposition.CONFIRMS:
        return booking
    if payment.disposition in (Payment.Disposition.NONE, Payment.Disposition.REFUND_DUE):
        raise PaidTooLate("Your booking is no longer active. The payment will be refunded.")
    raise PaidTooLate("The booking is no longer active. Please call us about your payment.")


@transaction.atomic
def _settle_signed(order: PaymentOrder, payment_id: str) -> Payment:
    gateway_payment = GatewayPayment(
        payment_id,
        order.razorpay_order_id or "",
        order.amount_minor,
        order.currency,
        Payment.State.AUTHORIZED,
        was_captured=False,
    )
    try:
        payment = settle_payment(
            order_id=order.pk, gateway_payment=gateway_payment, source=PaymentLog.Source.VERIFY, is_signed=True
        )
    except PaymentMismatch:
        log.error("Payment %s was signed for order %s but belongs to another order", payment_id, order.pk)
        raise
    # Make the order due for a poll immediately, in any state.
    PaymentOrder.objects.filter(pk=order.pk).update(next_check_at=database_now())
    return payment
