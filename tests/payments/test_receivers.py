from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import (
    cancel_booking,
    complete_booking,
    decline_booking,
    expire_unanswered_requests,
    reschedule_booking,
)
from foundation.background_tasks import run_due_tasks
from payments.models import Payment, Refund
from tests.builders.bookings import CUSTOMER_ACTOR, DESK, make_paid_service, slot
from tests.builders.payments import checkout, count_messages_by_kind, verify

pytestmark = pytest.mark.django_db(transaction=True)


def make_paid_booking(sandbox, **fields):
    new_checkout = checkout(make_paid_service(**fields))
    booking = verify(sandbox.client.pay(new_checkout.order.razorpay_order_id))
    run_due_tasks()
    return booking


def list_refunds():
    return [(refund.amount_minor, refund.source, refund.state) for refund in Refund.objects.all()]


def test_booking_cancelled_by_its_customer_is_refunded_once(sandbox):
    booking = make_paid_booking(sandbox)

    for _ in range(2):
        cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)
    run_due_tasks()

    payment = Payment.objects.get()
    assert list_refunds() == [(50_000, "cancelled", "processed")]
    assert (payment.disposition, payment.state) == ("refund_due", "refunded")
    assert {
        "booking_cancelled": 3,
        "refund_requested": 3,
        "refund_processed": 3,
    }.items() <= count_messages_by_kind().items()


def test_booking_cancelled_by_staff_flags_its_payment_for_review(sandbox):
    booking = make_paid_booking(sandbox)

    cancel_booking(booking_id=booking.pk, actor=DESK)
    run_due_tasks()

    assert list_refunds() == []
    assert Payment.objects.get().disposition == "review"


@pytest.mark.parametrize("end", ["declined", "unanswered"])
def test_declined_or_unanswered_request_is_refunded(sandbox, end):
    booking = make_paid_booking(sandbox, requires_confirmation=True)
    assert booking.status == "pending"

    if end == "declined":
        decline_booking(booking_id=booking.pk, actor=DESK)
    else:
        Booking.objects.update(answer_by=timezone.now() - timedelta(seconds=1))
        expire_unanswered_requests()
    run_due_tasks()

    assert list_refunds() == [(50_000, "cancelled", "processed")]


def test_completed_or_rescheduled_booking_keeps_its_payment(sandbox):
    booking = make_paid_booking(sandbox)

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)
    complete_booking(booking_id=booking.pk, actor=DESK)
    run_due_tasks()

    assert list_refunds() == []
    assert Payment.objects.get().disposition == "confirms"


def test_hold_cancelled_before_it_is_paid_has_no_payment(sandbox):
    new_checkout = checkout()

    cancel_booking(booking_id=new_checkout.new_booking.booking.pk, actor=CUSTOMER_ACTOR)

    assert not Payment.objects.exists()


def test_payment_for_a_cancelled_hold_is_refunded(sandbox):
    new_checkout = checkout()
    checkout_response = sandbox.client.pay(new_checkout.order.razorpay_order_id)

    cancel_booking(booking_id=new_checkout.new_booking.booking.pk, actor=CUSTOMER_ACTOR)
    with pytest.raises(Exception, match="refunded"):
        verify(checkout_response)
    run_due_tasks()
    run_due_tasks()

    assert [(amount, state) for amount, _, state in list_refunds()] == [(50_000, "processed")]
