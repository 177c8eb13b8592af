from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    expire_unanswered_requests,
    reschedule_booking,
)
from foundation.background_tasks import run_due_tasks
from payments.models import Payment, Refund
from payments.operations import refund_payment
from tests.builders.bookings import CUSTOMER_ACTOR, DESK, make_paid_service, set_minutes_until_visit, slot
from tests.builders.payments import checkout, count_messages_by_kind, make_orders_due, pay_out, verify

pytestmark = pytest.mark.django_db(transaction=True)


def make_paid_booking(sandbox, **fields):
    booking = make_booking_with_unrecorded_capture(sandbox, **fields)
    run_due_tasks()
    return booking


def make_booking_with_unrecorded_capture(sandbox, *, capture=True, **fields):
    """Pay for a new booking. Its payment is only known as authorised, until the worker polls the gateway."""
    new_checkout = checkout(make_paid_service(**fields))
    return verify(sandbox.client.pay(new_checkout.order.razorpay_order_id, capture=capture))


def cancel_as_customer(booking):
    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)


def decline(booking):
    decline_booking(booking_id=booking.pk, actor=DESK)


def leave_unanswered(booking):
    Booking.objects.update(answer_by=timezone.now() - timedelta(seconds=1))
    expire_unanswered_requests()


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


@pytest.mark.parametrize("end", [decline, leave_unanswered])
def test_declined_or_unanswered_request_is_refunded(sandbox, end):
    booking = make_paid_booking(sandbox, requires_confirmation=True)
    assert booking.status == "pending"

    end(booking)
    run_due_tasks()

    assert list_refunds() == [(50_000, "cancelled", "processed")]


@pytest.mark.parametrize("end", [decline, leave_unanswered])
def test_rescheduled_booking_that_staff_do_not_confirm_again_is_refunded(sandbox, end):
    booking = make_paid_booking(sandbox, requires_confirmation=True)
    confirm_booking(booking_id=booking.pk, actor=DESK)
    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=7), actor=CUSTOMER_ACTOR)

    end(booking)
    run_due_tasks()

    assert list_refunds() == [(50_000, "cancelled", "processed")]


@pytest.mark.parametrize("end", [decline, leave_unanswered])
def test_booking_rescheduled_too_late_to_cancel_needs_review_if_staff_do_not_confirm_it_again(sandbox, end):
    booking = make_paid_booking(sandbox, requires_confirmation=True, reschedule_cutoff_minutes=0)
    confirm_booking(booking_id=booking.pk, actor=DESK)
    set_minutes_until_visit(booking, 60)
    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=7), actor=CUSTOMER_ACTOR)

    end(booking)
    run_due_tasks()

    payment = Payment.objects.get()
    assert (payment.disposition, list_refunds()) == ("review", [])
    assert "too late to cancel" in payment.review_reason


@pytest.mark.parametrize("end", [cancel_as_customer, decline, leave_unanswered])
def test_payment_whose_capture_is_recorded_after_its_booking_has_ended_is_refunded_once(sandbox, end):
    booking = make_booking_with_unrecorded_capture(sandbox, requires_confirmation=True)

    end(booking)
    assert (Payment.objects.get().disposition, list_refunds()) == ("refund_due", [])
    for _ in range(3):
        make_orders_due()
        run_due_tasks()

    assert list_refunds() == [(50_000, "cancelled", "processed")]
    assert Payment.objects.get().state == "refunded"


def test_payment_whose_capture_is_recorded_after_staff_have_cancelled_needs_review(sandbox):
    booking = make_booking_with_unrecorded_capture(sandbox)

    cancel_booking(booking_id=booking.pk, actor=DESK)
    run_due_tasks()

    payment = Payment.objects.get()
    assert (payment.state, payment.disposition, list_refunds()) == ("captured", "review", [])
    assert payment.review_reason == "The booking was cancelled by staff."


def test_payment_of_a_cancelled_booking_needs_review_if_the_desk_has_paid_out_part_of_it(sandbox):
    booking = make_paid_booking(sandbox)
    pay_out(booking, 20_000)

    cancel_as_customer(booking)
    run_due_tasks()

    payment = Payment.objects.get()
    assert (payment.disposition, list_refunds()) == ("review", [])
    assert payment.review_reason.startswith("Only INR 300.00 of what was received for the booking is left")


def test_payment_that_the_gateway_returns_uncaptured_is_not_refunded_after_its_booking_has_ended(sandbox):
    booking = make_booking_with_unrecorded_capture(sandbox, capture=False)

    cancel_as_customer(booking)
    run_due_tasks()
    sandbox.client.auto_refund(Payment.objects.get().razorpay_payment_id)
    make_orders_due()
    run_due_tasks()

    payment = Payment.objects.get()
    assert (payment.state, payment.is_captured, payment.disposition) == ("refunded", False, "refund_due")
    assert list_refunds() == []  # returning what was never captured is not a refund


def test_refund_in_the_dashboard_is_not_repeated_when_the_capture_is_recorded(sandbox):
    booking = make_booking_with_unrecorded_capture(sandbox)
    cancel_as_customer(booking)
    sandbox.client.dashboard_refund(Payment.objects.get().razorpay_payment_id, 20_000)

    for _ in range(2):
        make_orders_due()
        run_due_tasks()

    assert sorted(list_refunds()) == [(20_000, "external", "processed"), (30_000, "cancelled", "processed")]


@pytest.mark.parametrize("actor", [CUSTOMER_ACTOR, DESK], ids=["customer", "staff"])
def test_payment_refunded_in_full_before_the_booking_was_cancelled_is_not_refunded_again(sandbox, actor):
    booking = make_paid_booking(sandbox)
    refund_payment(payment_id=Payment.objects.get().pk, amount_minor=50_000, key=uuid4(), actor=DESK)

    cancel_booking(booking_id=booking.pk, actor=actor)
    run_due_tasks()

    assert list_refunds() == [(50_000, "staff", "processed")]
    assert Payment.objects.get().disposition == "refund_due"


def test_completed_or_rescheduled_booking_keeps_its_payment(sandbox):
    booking = make_paid_booking(sandbox)

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)
    set_minutes_until_visit(booking, 0)
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
