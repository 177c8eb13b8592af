from uuid import uuid4

import pytest

from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from payments.exceptions import RefundTooLarge
from payments.models import Payment, Refund
from payments.operations.refund import refund_payment
from payments.operations.review import ReviewDecision, decide_review
from tests.builders.bookings import DESK, make_paid_service, slot
from tests.builders.payments import (
    checkout,
    count_messages_by_kind,
    make_orders_due,
    make_refunds_due,
    refunded_at_gateway,
    verify,
)
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def payment(sandbox):
    verify(sandbox.client.pay(checkout().order.razorpay_order_id))
    run_due_tasks()
    return Payment.objects.get()


def refund(payment, amount=50_000, key=None, **choice):
    return refund_payment(payment_id=payment.pk, amount_minor=amount, key=key or uuid4(), actor=DESK, **choice)


def test_full_refund_is_paid_once_and_keeps_the_booking(sandbox, payment):
    refund(payment)
    run_due_tasks()

    payment.refresh_from_db()
    assert (Refund.objects.get().state, payment.state) == ("processed", "refunded")
    assert refunded_at_gateway(sandbox, payment) == [50_000]
    assert Booking.objects.get().status == "confirmed"
    assert count_messages_by_kind() == {"booking_confirmed": 3, "refund_requested": 3, "refund_processed": 3}


def test_a_refund_can_cancel_the_booking_with_it(sandbox, payment):
    refund(payment, cancels_booking=True)

    assert Booking.objects.get().status == "cancelled"
    assert count_messages_by_kind()["booking_cancelled"] == 3


def test_partial_refunds_up_to_the_payment(sandbox, payment):
    refund(payment, 20_000)
    refund(payment, 30_000)
    with pytest.raises(RefundTooLarge, match=r"At most INR 0\.00"):
        refund(payment, 1)
    run_due_tasks()

    assert sorted(refunded_at_gateway(sandbox, payment)) == [20_000, 30_000]


@pytest.mark.parametrize("amount", [0, -1, 50_001])
def test_an_impossible_sum_is_refused_and_leaves_nothing(sandbox, payment, amount):
    with pytest.raises(RefundTooLarge):
        refund(payment, amount)

    assert Refund.objects.count() == 0


def test_a_double_click_is_one_refund(sandbox, payment):
    key = uuid4()

    refund(payment, 10_000, key)
    refund(payment, 10_000, key)

    assert Refund.objects.count() == 1


def test_concurrent_refunds_never_exceed_the_payment(sandbox, payment):
    refused = run_concurrently([lambda: refund(payment, 30_000)] * 8)
    run_due_tasks()

    assert [type(error) for error in refused] == [RefundTooLarge] * 7
    assert refunded_at_gateway(sandbox, payment) == [30_000]


@pytest.mark.parametrize(
    "fault", ["error_before", "error_after", "html_error", "reset_before", "reset_after", "throttle"]
)
def test_refund_with_a_lost_response_is_requested_again_and_paid_once(sandbox, payment, fault):
    refund(payment, 10_000)
    sandbox.client.set(**{f"gateway_{fault}": 1})
    run_due_tasks()
    unsettled = Refund.objects.get().state
    sandbox.client.set(**{f"gateway_{fault}": 0})
    make_refunds_due()

    run_due_tasks()

    assert (unsettled, Refund.objects.get().state) == ("sent", "processed")
    assert refunded_at_gateway(sandbox, payment) == [10_000]


def test_a_pending_refund_is_followed_until_it_is_done(sandbox, payment):
    sandbox.client.set(refund_pending=1)
    refund(payment)
    run_due_tasks()
    pending = Refund.objects.get()
    sandbox.client.process_refund(pending.razorpay_refund_id)
    make_refunds_due()

    run_due_tasks()

    assert (pending.state, Refund.objects.get().state) == ("pending", "processed")


def test_a_refund_that_the_gateway_fails_frees_its_sum_again(sandbox, payment):
    sandbox.client.set(refund_pending=1)
    refund(payment)
    run_due_tasks()
    sandbox.client.fail_refund(Refund.objects.get().razorpay_refund_id)
    make_refunds_due()

    run_due_tasks()

    assert (Refund.objects.get().state, payment.refundable_minor()) == ("failed", 50_000)


def test_a_refund_made_in_the_dashboard_appears_in_our_books(sandbox, payment):
    sandbox.client.dashboard_refund(payment.razorpay_payment_id, 15_000)
    make_orders_due()

    run_due_tasks()

    row = Refund.objects.get()
    assert (row.source, row.state, row.amount_minor) == ("external", "processed", 15_000)


def test_money_in_review_can_be_paid_back_or_used_by_a_person(sandbox):
    service, times = make_paid_service(), (slot(hour=number) for number in range(10, 17))
    for resolution, disposition, status in (
        (ReviewDecision.REFUND_ALL, "refund_due", "held"),
        (ReviewDecision.APPLY_TO_BOOKING, "confirms", "confirmed"),
        (ReviewDecision.CLOSE, "closed", "held"),
    ):
        started = checkout(service, starts_at=next(times))
        sandbox.client.pay(started.order.razorpay_order_id, amount=51_000)
        make_orders_due()
        run_due_tasks()
        payment = Payment.objects.get(booking=started.new_booking.booking)

        decide_review(payment_id=payment.pk, decision=resolution, note="seen", actor=DESK)

        payment.refresh_from_db()
        started.new_booking.booking.refresh_from_db()
        assert (payment.disposition, started.new_booking.booking.status) == (disposition, status)
