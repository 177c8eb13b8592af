"""Find the open checkout of a live hold."""

from __future__ import annotations

from bookings.models import Booking
from payments.exceptions import AlreadyPaid, GatewayUnavailable, HoldOver, NotPaidOnline
from payments.models import PaymentOrder


def find_open_checkout(*, booking: Booking) -> PaymentOrder:
    """Return the order with which the customer can pay for the held booking.

    Raises NotPaidOnline, AlreadyPaid, HoldOver, or GatewayUnavailable if the gateway has not created the order yet.
    """
    order = PaymentOrder.objects.filter(booking=booking).first()
    if order is None:
        raise NotPaidOnline
    if booking.status in Booking.PAYABLE:
        raise AlreadyPaid
    if booking.status != Booking.Status.HELD or booking.is_overdue:
        raise HoldOver
    if order.state == PaymentOrder.State.PAID:
        raise AlreadyPaid
    if order.razorpay_order_id is None:
        raise GatewayUnavailable(booking)
    return order
