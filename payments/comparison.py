"""Compares a week of the gateway's books with ours, once a day. What can be put right by itself is, at once."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from payments import gateway
from payments.entities import GatewayPayment, GatewayRefund
from payments.exceptions import PaymentMismatch
from payments.facts import apply_payment_facts, apply_refund_facts
from payments.models import Finding, Payment, PaymentOrder, Sweep

log = logging.getLogger(__name__)

NAME = "comparison"
SPAN = timedelta(days=7)
EVERY = timedelta(days=1)
RETRY = timedelta(minutes=10)


def compare_if_due() -> int:
    """Compare if that is due; return how many payments and refunds were read."""
    with transaction.atomic():
        due = Sweep.objects.select_for_update(skip_locked=True).filter(name=NAME, due_at__lte=timezone.now())
        if not due.update(due_at=timezone.now() + RETRY):
            return 0
    return compare()


def compare() -> int:
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
    except gateway.GatewayError as error:
        log.warning("The books could not be compared: %s", error)
        Sweep.objects.filter(name=NAME).update(result=f"Stopped after {read}: {error}"[:250])
        return read
    Sweep.objects.update_or_create(
        name=NAME, defaults={"due_at": until + EVERY, "ended_at": until, "result": f"{read} read"}
    )
    return read


def _place_payment(facts: GatewayPayment) -> None:
    order = PaymentOrder.objects.known_as(facts.order_id)
    try:
        if order is not None:
            apply_payment_facts(order_id=order.pk, facts=facts, source=NAME)
        elif facts.was_captured and facts.refunded_minor < facts.amount_minor:
            _find(facts.payment_id, "Captured by the gateway for no order of ours", facts.amount_minor, facts.currency)
    except PaymentMismatch:
        _find(facts.payment_id, "Counted here for another order", facts.amount_minor, facts.currency)


def _place_refund(facts: GatewayRefund) -> None:
    payment = Payment.objects.filter(razorpay_payment_id=facts.payment_id).first()
    if payment is not None and payment.is_captured:
        apply_refund_facts(payment_pk=payment.pk, facts=facts, source=NAME)


def _find(gateway_id: str, cause: str, amount_minor: int, currency: str) -> None:
    _, is_new = Finding.objects.get_or_create(
        gateway_id=gateway_id, defaults={"cause": cause, "amount_minor": amount_minor, "currency": currency}
    )
    if is_new:
        log.error("The gateway holds what our books cannot place: %s %s", gateway_id, cause)
