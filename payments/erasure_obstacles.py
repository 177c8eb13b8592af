"""Why a customer's personal data cannot be erased yet: what is open in payments."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from bookings.models import Customer
from payments.models import Payment, Refund
from payments.personal_data import (
    discrepancies_of,
    disputes_of,
    gateway_events_of,
    orders_of,
    payments_of,
    refunds_of,
)

Disposition = Payment.Disposition
UNDECIDED = Q(disposition=Disposition.REVIEW) | Q(disposition=Disposition.NONE, captured_at__isnull=False)


def find_erasure_obstacles(customer: Customer) -> Iterator[str]:
    """Yield what is open, and what to do. It registers with ``bookings.operations.add_erasure_check``."""
    for order in orders_of(customer).exclude(next_check_at=None):
        last_day = f"{order.last_poll_at:%-d %B %Y}"
        yield f"Order {order} may still be paid: the gateway is asked about it until {last_day}. Wait until then."
    for payment in payments_of(customer).filter(UNDECIDED):
        yield f"Payment {payment} needs a review. Decide about it first."
    for refund in refunds_of(customer).filter(state__in=Refund.UNSETTLED):
        yield f"Refund {refund} is {refund.get_state_display().lower()}. Wait until it is processed."
    for dispute in disputes_of(customer).filter(decided_at=None):
        yield f"Dispute {dispute} is open. Wait for the decision."
    for discrepancy in discrepancies_of(customer).filter(closed_at=None):
        yield f"Discrepancy {discrepancy} is open. Close it first."
    if gateway_events_of(customer).exclude(next_try_at=None).exists():
        yield "A report of the payment gateway is being processed. Try again later."
