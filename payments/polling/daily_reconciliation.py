"""Reconcile once a day: compare the gateway's payments, refunds and disputes of the last week with ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from foundation.clock import database_now
from foundation.models import PeriodicTask
from payments.exceptions import PaymentMismatch
from payments.gateway import api as gateway
from payments.gateway.entities import GatewayDispute, GatewayPayment, GatewayRefund
from payments.gateway.errors import GatewayError
from payments.gateway.signatures import is_checkout_configured
from payments.models import Discrepancy, Dispute, Payment, PaymentLog, PaymentOrder
from payments.operations.disputes import record_dispute
from payments.operations.reconciliation import RECONCILIATION
from payments.operations.settle import settle_payment, settle_refund

log = logging.getLogger(__name__)

SOURCE = PaymentLog.Source.RECONCILIATION
PERIOD = timedelta(days=7)
INTERVAL = timedelta(days=1)
RETRY_INTERVAL = timedelta(minutes=10)


def reconcile() -> int:
    """Settle the payments and refunds of the period, and record its disputes and discrepancies; return the count.

    Disputes take weeks, so the open ones that are older are compared as well.
    """
    if not is_checkout_configured():
        return 0
    until = database_now()
    count = 0
    try:
        for payment in gateway.list_payments(until - PERIOD, until):
            _reconcile_payment(payment)
            count += 1
        for refund in gateway.list_refunds(until - PERIOD, until):
            _reconcile_refund(refund)
            count += 1
        for dispute in _list_disputes(until):
            _reconcile_dispute(dispute, until)
            count += 1
    except GatewayError as error:
        log.warning("Reconciliation stopped: %s", error)
        PeriodicTask.objects.filter(name=RECONCILIATION).update(
            result=f"Stopped after comparing {count}: {error}"[:250]
        )
        return count
    PeriodicTask.objects.update_or_create(
        name=RECONCILIATION,
        defaults={"due_at": until + INTERVAL, "ended_at": until, "result": f"{count} compared"},
    )
    return count


def _reconcile_payment(gateway_payment: GatewayPayment) -> None:
    order = PaymentOrder.objects.find_by_razorpay_id(gateway_payment.order_id)
    try:
        if order is not None:
            settle_payment(order_id=order.pk, gateway_payment=gateway_payment, source=SOURCE)
        elif gateway_payment.was_captured and gateway_payment.refunded_minor < gateway_payment.amount_minor:
            _record_discrepancy(
                gateway_payment.payment_id, gateway_payment, "Captured by the gateway for an unknown order"
            )
    except PaymentMismatch:
        _record_discrepancy(gateway_payment.payment_id, gateway_payment, "Recorded here for another order")


def _reconcile_refund(gateway_refund: GatewayRefund) -> None:
    payment = Payment.objects.filter(razorpay_payment_id=gateway_refund.payment_id).first()
    if payment is not None:
        settle_refund(payment_pk=payment.pk, gateway_refund=gateway_refund, source=SOURCE)


def _list_disputes(until: datetime) -> Iterator[GatewayDispute]:
    listed_ids = set()
    for dispute in gateway.list_disputes(until - PERIOD, until):
        listed_ids.add(dispute.dispute_id)
        yield dispute
    open_disputes = Dispute.objects.filter(decided_at=None).exclude(razorpay_dispute_id__in=listed_ids)
    for dispute_id in list(open_disputes.values_list("razorpay_dispute_id", flat=True)):
        yield gateway.fetch_dispute(dispute_id)


def _reconcile_dispute(gateway_dispute: GatewayDispute, reported_at: datetime) -> None:
    payment = Payment.objects.filter(razorpay_payment_id=gateway_dispute.payment_id).first()
    try:
        if payment is not None:
            record_dispute(
                payment_pk=payment.pk, gateway_dispute=gateway_dispute, reported_at=reported_at, source=SOURCE
            )
        elif gateway_dispute.state in Dispute.OPEN_STATES:
            _record_discrepancy(gateway_dispute.dispute_id, gateway_dispute, "A dispute about an unknown payment")
    except PaymentMismatch:
        _record_discrepancy(gateway_dispute.dispute_id, gateway_dispute, "Recorded here for another payment")


def _record_discrepancy(gateway_id: str, row: GatewayPayment | GatewayDispute, cause: str) -> None:
    _, is_new = Discrepancy.objects.get_or_create(
        gateway_id=gateway_id,
        defaults={"cause": cause, "amount_minor": row.amount_minor, "currency": row.currency},
    )
    if is_new:
        log.error("Discrepancy in %s: %s", gateway_id, cause)
