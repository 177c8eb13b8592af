"""Orders, payments, refunds, disputes and desk payments in the timeline of a booking."""

from collections.abc import Iterable

from django.urls import reverse

from bookings.models import Booking
from bookings.timeline import Entry
from foundation.money import format_money
from payments.models import DeskPayment, Dispute, Payment, PaymentOrder, Refund


def payment_entries(booking: Booking) -> Iterable[Entry]:
    """Yield an entry for each order, payment, refund, dispute and desk payment of the booking."""
    for order in PaymentOrder.objects.filter(booking=booking):
        title = f"Payment of {format_money(order.amount_minor, order.currency)} requested"
        yield Entry(order.created_at, title, order.last_error, status=order.state)
    for payment in Payment.objects.filter(booking=booking):
        amount = format_money(payment.amount_minor, payment.currency)
        is_in_review = payment.disposition == Payment.Disposition.REVIEW
        detail = payment.review_reason or payment.error or payment.razorpay_payment_id
        link = reverse("payment", args=[payment.pk])
        is_unpaid = payment.state in (Payment.State.CREATED, Payment.State.FAILED)
        title = f"{'Payment of' if is_unpaid else 'Paid'} {amount} {payment.method}".strip()
        status = payment.disposition if is_in_review else payment.state
        yield Entry(payment.created_at, title, detail, status, link, "payments.view_payment")
    for refund in Refund.objects.filter(payment__booking=booking):
        title = f"Refund of {format_money(refund.amount_minor, refund.currency)}"
        detail = refund.last_error or refund.reason or f"{refund.get_source_display()}, by {refund.requested_by}"
        yield Entry(refund.created_at, title, detail, status=refund.state)
    for dispute in Dispute.objects.filter(payment__booking=booking):
        title = (
            f"Dispute of {format_money(dispute.amount_minor, dispute.currency)}: {dispute.get_phase_display().lower()}"
        )
        link = reverse("payment", args=[dispute.payment_id])
        yield Entry(dispute.opened_at, title, dispute.reason, dispute.state, link, "payments.view_payment")
    for desk_payment in DeskPayment.objects.filter(booking=booking):
        amount = format_money(desk_payment.amount_minor, desk_payment.currency)
        title = f"{amount} {desk_payment.get_kind_display().lower()} at the desk"
        if desk_payment.method:
            title += f", {desk_payment.get_method_display().lower()}"
        status = "voided" if desk_payment.voided_at else ""
        yield Entry(desk_payment.taken_at, title, f"by {desk_payment.taken_by}", status=status)
