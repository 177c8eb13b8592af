"""The money's part of a booking's story."""

from collections.abc import Iterable

from bookings.models import Booking
from bookings.money import as_money
from bookings.timeline import Entry
from payments.models import Payment, PaymentOrder


def payment_entries(booking: Booking) -> Iterable[Entry]:
    """Tell what was asked of the customer, and what was paid."""
    for order in PaymentOrder.objects.filter(booking=booking):
        asked = as_money(order.amount_minor, order.currency)
        yield Entry(order.created_at, f"Payment of {asked} asked for", order.last_error, status=order.state)
    for payment in Payment.objects.filter(booking=booking):
        paid = as_money(payment.amount_minor, payment.currency)
        yield Entry(payment.created_at, f"Paid {paid}", payment.razorpay_payment_id, status=payment.state)
