"""The money's part of a booking's story."""

from collections.abc import Iterable

from django.urls import reverse

from bookings.models import Booking
from bookings.timeline import Entry
from foundation.money import format_money
from payments.models import DeskPayment, Payment, PaymentOrder, Refund


def payment_entries(booking: Booking) -> Iterable[Entry]:
    """Tell what was asked of the customer, what was paid, and what went back."""
    for order in PaymentOrder.objects.filter(booking=booking):
        asked = format_money(order.amount_minor, order.currency)
        yield Entry(order.created_at, f"Payment of {asked} asked for", order.last_error, status=order.state)
    for payment in Payment.objects.filter(booking=booking):
        paid = format_money(payment.amount_minor, payment.currency)
        detail = payment.review_reason or payment.error or payment.razorpay_payment_id
        link = reverse("payment", args=[payment.pk])
        came_to_nothing = payment.state in (Payment.State.CREATED, Payment.State.FAILED)
        title = f"{'Payment of' if came_to_nothing else 'Paid'} {paid} {payment.method}".strip()
        yield Entry(payment.created_at, title, detail, payment.state, link, "payments.view_payment")
    for refund in Refund.objects.filter(payment__booking=booking):
        back = format_money(refund.amount_minor, refund.currency)
        detail = refund.last_error or refund.reason or f"{refund.get_source_display()}, by {refund.requested_by}"
        yield Entry(refund.created_at, f"Refund of {back}", detail, status=refund.state)
    for slip in DeskPayment.objects.filter(booking=booking):
        sum_of_money = format_money(slip.amount_minor, slip.currency)
        verb = "given back" if slip.is_payout else "taken"
        status = "voided" if slip.voided_at else ""
        title = f"{sum_of_money} {verb} at the desk, {slip.get_method_display().lower()}"
        yield Entry(slip.taken_at, title, f"by {slip.taken_by}", status=status)
