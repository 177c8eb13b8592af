"""Compares a week of the gateway's books with ours, once a day. What can be put right by itself is, at once."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone

from foundation.models import PeriodicTask
from payments.exceptions import PaymentMismatch
from payments.gateway import api as gateway
from payments.gateway.entities import GatewayPayment, GatewayRefund
from payments.gateway.errors import GatewayError
from payments.models import Discrepancy, Payment, PaymentOrder
from payments.operations.settle import settle_payment, settle_refund

log = logging.getLogger(__name__)

RECONCILIATION = "daily_reconciliation"
SPAN = timedelta(days=7)
INTERVAL = timedelta(days=1)
RETRY_INTERVAL = timedelta(minutes=10)


def reconcile() -> int:
    """Apply every payment and refund of the last week, and write down those that our books cannot place."""
    until = timezone.now()
    read = 0
    try:
        for payment in gateway.list_payments(until - SPAN, until):
            _place_payment(payment)
            read += 1
        for refund in gateway.list_refunds(until - SPAN, until):
            _place_refund(refund)
            read += 1
    except GatewayError as error:
        log.warning("The books could not be compared: %s", error)
        PeriodicTask.objects.filter(name=RECONCILIATION).update(result=f"Stopped after {read}: {error}"[:250])
        return read
    PeriodicTask.objects.update_or_create(
        name=RECONCILIATION, defaults={"due_at": until + INTERVAL, "ended_at": until, "result": f"{read} read"}
    )
    return read


def _place_payment(facts: GatewayPayment) -> None:
    order = PaymentOrder.objects.find_by_razorpay_id(facts.order_id)
    try:
        if order is not None:
            settle_payment(order_id=order.pk, facts=facts, source=RECONCILIATION)
        elif facts.was_captured and facts.refunded_minor < facts.amount_minor:
            _find(facts.payment_id, "Captured by the gateway for no order of ours", facts.amount_minor, facts.currency)
    except PaymentMismatch:
        _find(facts.payment_id, "Counted here for another order", facts.amount_minor, facts.currency)


def _place_refund(facts: GatewayRefund) -> None:
    payment = Payment.objects.filter(razorpay_payment_id=facts.payment_id).first()
    if payment is not None and payment.is_captured:
        settle_refund(payment_pk=payment.pk, facts=facts, source=RECONCILIATION)


def _find(gateway_id: str, cause: str, amount_minor: int, currency: str) -> None:
    _, is_new = Discrepancy.objects.get_or_create(
        gateway_id=gateway_id, defaults={"cause": cause, "amount_minor": amount_minor, "currency": currency}
    )
    if is_new:
        log.error("The gateway holds what our books cannot place: %s %s", gateway_id, cause)
