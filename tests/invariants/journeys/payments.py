"""Journeys of holds and of bookings that are paid online."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from bookings.operations import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    mark_no_show,
)
from payments.exceptions import GatewayUnavailable, PaidTooLate
from payments.models import Payment, PaymentOrder, Refund
from payments.operations.review import ReviewDecision
from sandbox.process import RunningSandbox
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_paid_service,
    slot,
)
from tests.builders.clock import let_time_pass
from tests.builders.payments import checkout, make_orders_due, verify
from tests.invariants.journeys.base import DAY, decide, journey, pay, status_of, work


@journey
def hold_pending(sandbox: RunningSandbox) -> Iterator[None]:
    checkout()
    yield


@journey
def hold_expired(sandbox: RunningSandbox) -> Iterator[None]:
    booking = checkout().new_booking.booking
    yield
    let_time_pass(timedelta(hours=1))
    work()
    yield
    assert status_of(booking) == "expired"


@journey
def hold_cancelled(sandbox: RunningSandbox) -> Iterator[None]:
    cancel_booking(booking_id=checkout().new_booking.booking.pk, actor=CUSTOMER_ACTOR)
    yield


@journey
def hold_without_a_gateway(sandbox: RunningSandbox) -> Iterator[None]:
    service = make_paid_service()
    sandbox.client.set(gateway_error_before=1)
    with pytest.raises(GatewayUnavailable):
        checkout(service)
    yield
    sandbox.client.set(gateway_error_before=0)
    let_time_pass(timedelta(hours=1))
    work()
    yield


@journey
def paid(sandbox: RunningSandbox) -> Iterator[None]:
    booking = pay(sandbox)
    yield
    let_time_pass(DAY)
    work()
    complete_booking(booking_id=booking.pk, actor=DESK)
    yield


@journey
def paid_and_missed(sandbox: RunningSandbox) -> Iterator[None]:
    booking = pay(sandbox)
    let_time_pass(DAY * 2)
    work()
    mark_no_show(booking_id=booking.pk, actor=DESK)
    yield


@journey
def paid_after_a_failure(sandbox: RunningSandbox) -> Iterator[None]:
    order_id = checkout().order.razorpay_order_id
    failed = sandbox.client.fail(order_id)
    make_orders_due()
    work()
    yield
    verify(sandbox.client.pay(order_id))
    yield
    sandbox.client.late_authorize(failed["id"], capture=True)
    make_orders_due()
    work()
    yield
    assert set(Payment.objects.values_list("disposition", flat=True)) == {"confirms", "refund_due"}


@journey
def paid_and_awaiting_staff(sandbox: RunningSandbox) -> Iterator[None]:
    confirm_booking(booking_id=pay(sandbox, requires_confirmation=True).pk, actor=DESK)
    yield


@journey
def paid_and_declined(sandbox: RunningSandbox) -> Iterator[None]:
    decline_booking(booking_id=pay(sandbox, requires_confirmation=True).pk, actor=DESK)
    yield
    work()
    yield
    assert Refund.objects.get().state == "processed"


@journey
def paid_and_unanswered(sandbox: RunningSandbox) -> Iterator[None]:
    booking = pay(sandbox, requires_confirmation=True)
    let_time_pass(DAY)
    work()
    yield
    assert status_of(booking) == "expired"


@journey
def paid_and_cancelled_by_the_customer(sandbox: RunningSandbox) -> Iterator[None]:
    cancel_booking(booking_id=pay(sandbox).pk, actor=CUSTOMER_ACTOR)
    yield
    work()
    yield


@journey
def paid_and_cancelled_by_staff(sandbox: RunningSandbox) -> Iterator[None]:
    cancel_booking(booking_id=pay(sandbox).pk, actor=DESK)
    yield
    decide(ReviewDecision.REFUND_ALL)
    yield


@journey
def ended_before_the_capture_was_recorded(sandbox: RunningSandbox) -> Iterator[None]:
    """Right after the customer has paid: cancelled by the customer, cancelled by staff, declined."""
    for end, actor in ((cancel_booking, CUSTOMER_ACTOR), (cancel_booking, DESK), (decline_booking, DESK)):
        service = make_paid_service(slug=f"service-{Payment.objects.count()}", requires_confirmation=True)
        new_checkout = checkout(service)
        verify(sandbox.client.pay(new_checkout.order.razorpay_order_id))
        end(booking_id=new_checkout.new_booking.booking.pk, actor=actor)
        yield
        work()
        yield
    assert list(Payment.objects.order_by("pk").values_list("disposition", "state")) == [
        ("refund_due", "refunded"),
        ("review", "captured"),
        ("refund_due", "refunded"),
    ]


@journey
def paid_too_late(sandbox: RunningSandbox) -> Iterator[None]:
    """The slot of the first is free, so the payment confirms it; the slot of the second is taken."""
    service = make_paid_service()
    for is_taken in (False, True):
        order_id = checkout(service, starts_at=slot(hour=14 + is_taken)).order.razorpay_order_id
        let_time_pass(timedelta(hours=1))
        work()
        if is_taken:
            make_booking(service, starts_at=_start_of(order_id), actor=DESK)
        response = sandbox.client.pay(order_id)
        if is_taken:
            with pytest.raises(PaidTooLate):
                verify(response)
        else:
            verify(response)
        yield
        work()
        yield


@journey
def paid_a_wrong_amount(sandbox: RunningSandbox) -> Iterator[None]:
    for decision in ReviewDecision:
        service = make_paid_service(slug=f"service-{decision.value.replace('_', '-')}")
        sandbox.client.pay(checkout(service).order.razorpay_order_id, amount=51_000)
        make_orders_due()
        work()
        yield
        decide(decision)
        make_orders_due()
        work()
        yield
    assert not Payment.objects.filter(disposition="review").exists()


@journey
def paid_with_the_gateways_fee(sandbox: RunningSandbox) -> Iterator[None]:
    """The customer bears the fee, and gets the rest back after a cancellation."""
    sandbox.client.set(customer_bears_fee=True)
    booking = pay(sandbox)
    yield
    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)
    yield
    work()
    yield
    assert Refund.objects.get().amount_minor == Payment.objects.get().amount_minor - 1_180


@journey
def paid_but_never_captured(sandbox: RunningSandbox) -> Iterator[None]:
    response = sandbox.client.pay(checkout().order.razorpay_order_id, capture=False)
    verify(response)
    sandbox.client.auto_refund(response["razorpay_payment_id"])
    work()
    yield
    decide(ReviewDecision.CLOSE)
    yield


def _start_of(razorpay_order_id: str | None) -> datetime:
    return PaymentOrder.objects.get(razorpay_order_id=razorpay_order_id).booking.starts_at
