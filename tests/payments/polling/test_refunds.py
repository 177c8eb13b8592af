from uuid import uuid4

import pytest

from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from payments.models import Refund
from payments.operations.refund import refund_payment
from tests.builders.bookings import DESK
from tests.builders.payments import count_messages_by_kind, gateway_refund_amounts, make_refunds_due

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def refund(payment, amount=50_000, key=None, **options):
    return refund_payment(payment_id=payment.pk, amount_minor=amount, key=key or uuid4(), actor=DESK, **options)


def test_process_refunds_makes_a_full_refund_once_and_keeps_the_booking(sandbox, payment):
    refund(payment)
    run_due_tasks()

    payment.refresh_from_db()
    assert (Refund.objects.get().state, payment.state) == ("processed", "refunded")
    assert gateway_refund_amounts(sandbox, payment) == [50_000]
    assert Booking.objects.get().status == "confirmed"
    assert count_messages_by_kind() == {"booking_confirmed": 3, "refund_requested": 3, "refund_processed": 3}


@pytest.mark.parametrize(
    "fault", ["error_before", "error_after", "html_error", "reset_before", "reset_after", "throttle"]
)
def test_process_refunds_retries_after_a_gateway_failure_and_refunds_once(sandbox, payment, fault):
    refund(payment, 10_000)
    sandbox.client.set(**{f"gateway_{fault}": 1})
    run_due_tasks()
    state_after_fault = Refund.objects.get().state
    sandbox.client.set(**{f"gateway_{fault}": 0})
    make_refunds_due()

    run_due_tasks()

    assert (state_after_fault, Refund.objects.get().state) == ("sent", "processed")
    assert gateway_refund_amounts(sandbox, payment) == [10_000]


def test_process_refunds_polls_a_pending_refund_until_it_is_processed(sandbox, payment):
    sandbox.client.set(refund_pending=1)
    refund(payment)
    run_due_tasks()
    pending_refund = Refund.objects.get()
    sandbox.client.process_refund(pending_refund.razorpay_refund_id)
    make_refunds_due()

    run_due_tasks()

    assert (pending_refund.state, Refund.objects.get().state) == ("pending", "processed")


def test_process_refunds_makes_the_amount_of_a_failed_refund_refundable_again(sandbox, payment):
    sandbox.client.set(refund_pending=1)
    refund(payment)
    run_due_tasks()
    sandbox.client.fail_refund(Refund.objects.get().razorpay_refund_id)
    make_refunds_due()

    run_due_tasks()

    assert (Refund.objects.get().state, payment.refundable_minor()) == ("failed", 50_000)
