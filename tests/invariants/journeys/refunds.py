"""Journeys of refunds by staff, in the dashboard, and after a review."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

from bookings.operations import (
    cancel_booking,
)
from payments.models import Payment, Refund
from payments.operations import refund_payment
from payments.operations.review import ReviewDecision
from payments.polling.daily_reconciliation import reconcile
from sandbox.process import RunningSandbox
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
)
from tests.builders.clock import let_time_pass
from tests.builders.payments import checkout, make_orders_due, verify
from tests.invariants.journeys.base import decide, journey, pay, work


@journey
def refunded_by_staff(sandbox: RunningSandbox) -> Iterator[None]:
    pay(sandbox)
    payment = Payment.objects.get()
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    yield
    work()
    refund_payment(payment_id=payment.pk, amount_minor=20_000, key=uuid4(), actor=DESK, cancels_booking=True)
    yield
    work()
    yield


@journey
def refund_failed(sandbox: RunningSandbox) -> Iterator[None]:
    cancel_booking(booking_id=pay(sandbox).pk, actor=CUSTOMER_ACTOR)
    sandbox.client.set(refund_pending=1)
    work()
    yield
    sandbox.client.fail_refund(Refund.objects.get().razorpay_refund_id)
    let_time_pass(timedelta(hours=1))
    work()
    yield
    decide(ReviewDecision.CLOSE)
    yield


@journey
def refunded_in_the_dashboard(sandbox: RunningSandbox) -> Iterator[None]:
    pay(sandbox)
    sandbox.client.dashboard_refund(Payment.objects.get().razorpay_payment_id)
    make_orders_due()
    work()
    yield
    assert Refund.objects.get().source == "external"


@journey
def disputed_and_lost(sandbox: RunningSandbox) -> Iterator[None]:
    pay(sandbox)
    dispute_id = sandbox.client.dispute(str(Payment.objects.get()))["id"]
    reconcile()
    yield
    cancel_booking(booking_id=Payment.objects.get().booking_id, actor=CUSTOMER_ACTOR)
    yield
    sandbox.client.change_dispute(dispute_id, "lost")
    reconcile()
    yield
    decide(ReviewDecision.CLOSE)
    yield


@journey
def lost_and_cancelled(sandbox: RunningSandbox) -> Iterator[None]:
    """The dispute was about a part; the rest is refunded."""
    pay(sandbox)
    dispute_id = sandbox.client.dispute(str(Payment.objects.get()), amount=20_000)["id"]
    sandbox.client.change_dispute(dispute_id, "lost")
    reconcile()
    yield
    cancel_booking(booking_id=Payment.objects.get().booking_id, actor=CUSTOMER_ACTOR)
    work()
    yield
    let_time_pass(timedelta(minutes=6))
    work()
    yield
    assert Refund.objects.get().amount_minor == 30_000


@journey
def disputed_refunded_and_won(sandbox: RunningSandbox) -> Iterator[None]:
    pay(sandbox)
    payment = Payment.objects.get()
    dispute_id = sandbox.client.dispute(str(payment))["id"]
    reconcile()
    refund_payment(
        payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK, is_by_manager=True, reason="Agreed."
    )
    work()
    yield
    sandbox.client.change_dispute(dispute_id, "won")
    reconcile()
    yield
    cancel_booking(booking_id=payment.booking_id, actor=CUSTOMER_ACTOR)
    work()
    yield
    assert sorted(Refund.objects.values_list("amount_minor", flat=True)) == [10_000, 40_000]


@journey
def disputed_while_refunded(sandbox: RunningSandbox) -> Iterator[None]:
    """Staff refund it while the dispute is open."""
    pay(sandbox)
    payment = Payment.objects.get()
    sandbox.client.dispute(str(payment))
    reconcile()
    yield
    refund_payment(
        payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK, is_by_manager=True, reason="Agreed."
    )
    yield


@journey
def reviewed_and_refunded_while_active(sandbox: RunningSandbox) -> Iterator[None]:
    """The gateway reports another amount than the signature promised; staff refund it and keep the booking."""
    verify(sandbox.client.pay(checkout().order.razorpay_order_id, amount=51_000))
    work()
    yield
    decide(ReviewDecision.REFUND_ALL)
    yield
