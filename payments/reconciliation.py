"""List the items of the reconciliation page: discrepancies, disputes, overdue work, payments that need a decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from foundation.clock import database_now
from foundation.money import format_money
from payments.models import Discrepancy, Dispute, GatewayEvent, Payment, PaymentOrder, Refund
from payments.operations.reconciliation import ReconciliationAction

OVERDUE_AFTER = timedelta(minutes=10)
SLOW_AFTER = timedelta(hours=1)
LISTED_FOR = timedelta(days=30)


@dataclass(frozen=True)
class ReconciliationItem:
    """A row of the page. ``action`` and ``key`` define its button; ``link`` leads to the payment."""

    cause: str
    subject: str
    since: datetime
    amount: str = ""
    link: str = ""
    action: ReconciliationAction | None = None
    key: str = ""


def list_reconciliation_items() -> list[ReconciliationItem]:
    """Return all items, oldest first."""
    sources = (
        _payments_in_review(),
        _disputes(),
        _discrepancies(),
        _slow_and_failed_refunds(),
        _stuck_orders(),
        _unprocessed_events(),
        _uncaptured_payments(),
        _external_refunds(),
    )
    return sorted((item for source in sources for item in source), key=lambda item: item.since)


def _payments_in_review() -> Iterator[ReconciliationItem]:
    for payment in Payment.objects.filter(disposition=Payment.Disposition.REVIEW).select_related("booking"):
        yield _payment_item(payment, payment.review_reason)


def _uncaptured_payments() -> Iterator[ReconciliationItem]:
    uncaptured_payments = Payment.objects.filter(
        disposition=Payment.Disposition.CONFIRMS,
        captured_at=None,
        signature_verified_at__lt=database_now() - SLOW_AFTER,
    )
    for payment in uncaptured_payments.select_related("booking"):
        cause = "The booking is confirmed, but the gateway has not captured the payment yet."
        yield _payment_item(payment, cause, ReconciliationAction.POLL_ORDER, str(payment.order_id))


def _disputes() -> Iterator[ReconciliationItem]:
    is_recently_lost = Q(state=Dispute.State.LOST, decided_at__gt=database_now() - LISTED_FOR)
    disputes = Dispute.objects.filter(Q(decided_at=None) | is_recently_lost).select_related("payment__booking")
    for dispute in disputes:
        yield ReconciliationItem(
            _describe_dispute(dispute),
            f"Dispute {dispute} for {dispute.payment.booking}",
            dispute.opened_at,
            format_money(dispute.amount_minor, dispute.currency),
            reverse("payment", args=[dispute.payment_id]),
        )


def _describe_dispute(dispute: Dispute) -> str:
    subject = ": ".join(filter(None, (dispute.get_phase_display(), dispute.reason))).rstrip(".")
    if dispute.state == Dispute.State.LOST:
        deducted = format_money(dispute.deducted_minor, dispute.currency)
        is_paid_twice = dispute.payment.refundable_minor() < 0
        note = " The customer has got more than the payment: it was refunded as well." if is_paid_twice else ""
        return f"{subject}. The dispute was lost, and {deducted} was deducted.{note}"
    if dispute.state == Dispute.State.UNDER_REVIEW:
        return f"{subject}. The bank is reviewing the dispute."
    if dispute.respond_by is None:
        return f"{subject}. Respond in Razorpay's Dashboard."
    deadline = timezone.localtime(dispute.respond_by, timezone.get_default_timezone())
    return f"{subject}. Respond in Razorpay's Dashboard by {deadline:%d %b %Y, %H:%M} ({deadline.tzinfo})."


def _discrepancies() -> Iterator[ReconciliationItem]:
    for discrepancy in Discrepancy.objects.open():
        yield ReconciliationItem(
            discrepancy.cause,
            str(discrepancy),
            discrepancy.found_at,
            format_money(discrepancy.amount_minor, discrepancy.currency),
            action=ReconciliationAction.CLOSE_DISCREPANCY,
            key=str(discrepancy.pk),
        )


def _slow_and_failed_refunds() -> Iterator[ReconciliationItem]:
    is_slow = Q(state__in=Refund.UNSETTLED, created_at__lt=database_now() - SLOW_AFTER)
    for refund in Refund.objects.filter(is_slow).select_related("payment__booking"):
        cause = f"The refund is not processed yet. {refund.last_error}".strip()
        yield _refund_item(refund, cause, ReconciliationAction.POLL_REFUND, str(refund.pk))
    failed_refunds = Refund.objects.filter(state=Refund.State.FAILED, created_at__gt=database_now() - LISTED_FOR)
    for refund in failed_refunds.select_related("payment__booking"):
        yield _refund_item(refund, f"The refund failed, so nothing was refunded. {refund.last_error}".strip())


def _external_refunds() -> Iterator[ReconciliationItem]:
    external_refunds = Refund.objects.filter(source=Refund.Source.EXTERNAL, created_at__gt=database_now() - LISTED_FOR)
    for refund in external_refunds.select_related("payment__booking"):
        yield _refund_item(refund, "Refunded outside Daybook. It is in the books; no action is needed.")


def _stuck_orders() -> Iterator[ReconciliationItem]:
    threshold = database_now() - OVERDUE_AFTER
    is_stuck = Q(state=PaymentOrder.State.CREATING, created_at__lt=threshold) | Q(next_check_at__lt=threshold)
    for order in PaymentOrder.objects.filter(is_stuck).select_related("booking"):
        yield ReconciliationItem(
            f"The order could not be checked at the gateway. {order.last_error}".strip(),
            f"Order {order} for {order.booking}",
            order.created_at,
            format_money(order.amount_minor, order.currency),
            action=ReconciliationAction.POLL_ORDER,
            key=str(order.pk),
        )


def _unprocessed_events() -> Iterator[ReconciliationItem]:
    for event in GatewayEvent.objects.filter(Q(state=GatewayEvent.State.UNMATCHED) | ~Q(error="")):
        yield ReconciliationItem(
            event.error or "The gateway reported an unknown order.",
            f"Event {event}",
            event.received_at,
            action=ReconciliationAction.PROCESS_EVENT,
            key=str(event.pk),
        )


def _payment_item(
    payment: Payment, cause: str, action: ReconciliationAction | None = None, key: str = ""
) -> ReconciliationItem:
    return ReconciliationItem(
        cause,
        f"Payment {payment} for {payment.booking}",
        payment.created_at,
        format_money(payment.amount_minor, payment.currency),
        reverse("payment", args=[payment.pk]),
        action,
        key,
    )


def _refund_item(
    refund: Refund, cause: str, action: ReconciliationAction | None = None, key: str = ""
) -> ReconciliationItem:
    return ReconciliationItem(
        cause,
        f"Refund for {refund.payment.booking}",
        refund.created_at,
        format_money(refund.amount_minor, refund.currency),
        reverse("payment", args=[refund.payment_id]),
        action,
        key,
    )
