"""What differs between the gateway and our books, or waits for a person: each with its cause and its age."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from foundation.money import format_money
from payments.models import Discrepancy, GatewayEvent, Payment, PaymentOrder, Refund

LATE = timedelta(minutes=10)
VERY_LATE = timedelta(hours=1)
EXTERNAL_FOR = timedelta(days=30)


@dataclass(frozen=True)
class ReconciliationItem:
    """One thing that does not add up. ``action`` and ``key`` name what the page's button does; ``link`` leads on."""

    cause: str
    what: str
    since: datetime
    amount: str = ""
    link: str = ""
    action: str = ""
    key: str = ""


def list_reconciliation_items() -> list[ReconciliationItem]:
    """Return all of them, oldest first."""
    sources = (_in_review(), _found(), _refunds(), _orders(), _events(), _uncaptured(), _external())
    return sorted((each for source in sources for each in source), key=lambda each: each.since)


def _in_review() -> Iterator[ReconciliationItem]:
    for payment in Payment.objects.filter(disposition=Payment.Disposition.REVIEW).select_related("booking"):
        yield _of_payment(payment, payment.review_reason)


def _uncaptured() -> Iterator[ReconciliationItem]:
    late = Payment.objects.filter(
        disposition=Payment.Disposition.CONFIRMS,
        captured_at=None,
        signature_verified_at__lt=timezone.now() - VERY_LATE,
    )
    for payment in late.select_related("booking"):
        cause = "The booking stands on money that the gateway has not captured yet"
        yield _of_payment(payment, cause, action="check", key=str(payment.order_id))


def _of_payment(payment: Payment, cause: str, **action: str) -> ReconciliationItem:
    return ReconciliationItem(
        cause,
        f"Payment {payment} of {payment.booking}",
        payment.created_at,
        format_money(payment.amount_minor, payment.currency),
        reverse("payment", args=[payment.pk]),
        **action,
    )


def _found() -> Iterator[ReconciliationItem]:
    for finding in Discrepancy.objects.filter(closed_at=None):
        amount = format_money(finding.amount_minor, finding.currency)
        yield ReconciliationItem(
            finding.cause, str(finding), finding.found_at, amount, action="close", key=str(finding.pk)
        )


def _refunds() -> Iterator[ReconciliationItem]:
    slow = Q(state__in=Refund.UNSETTLED, created_at__lt=timezone.now() - VERY_LATE)
    for refund in Refund.objects.filter(slow).select_related("payment__booking"):
        cause = f"The refund is not done yet. {refund.last_error}".strip()
        yield _of_refund(refund, cause, action="ask", key=str(refund.pk))
    recently = timezone.now() - EXTERNAL_FOR
    failed = Refund.objects.filter(state=Refund.State.FAILED, created_at__gt=recently)
    for refund in failed.select_related("payment__booking"):
        yield _of_refund(refund, f"The refund failed: nothing went back. {refund.last_error}".strip())


def _external() -> Iterator[ReconciliationItem]:
    recently = timezone.now() - EXTERNAL_FOR
    made = Refund.objects.filter(source=Refund.Source.EXTERNAL, created_at__gt=recently)
    for refund in made.select_related("payment__booking"):
        yield _of_refund(refund, "Paid back outside Daybook. It is in our books; nothing is to be done.")


def _of_refund(refund: Refund, cause: str, **action: str) -> ReconciliationItem:
    return ReconciliationItem(
        cause,
        f"Refund of {refund.payment.booking}",
        refund.created_at,
        format_money(refund.amount_minor, refund.currency),
        reverse("payment", args=[refund.payment_id]),
        **action,
    )


def _orders() -> Iterator[ReconciliationItem]:
    late = timezone.now() - LATE
    stuck = Q(state=PaymentOrder.State.CREATING, created_at__lt=late) | Q(next_check_at__lt=late)
    for order in PaymentOrder.objects.filter(stuck).select_related("booking"):
        cause = f"The gateway could not be asked about the order. {order.last_error}".strip()
        amount = format_money(order.amount_minor, order.currency)
        what = f"Order {order} of {order.booking}"
        yield ReconciliationItem(cause, what, order.created_at, amount, action="check", key=str(order.pk))


def _events() -> Iterator[ReconciliationItem]:
    for event in GatewayEvent.objects.filter(Q(state=GatewayEvent.State.UNMATCHED) | ~Q(error="")):
        cause = event.error or "The gateway reports something of no order of ours"
        yield ReconciliationItem(cause, f"Event {event}", event.received_at, action="read", key=str(event.pk))
