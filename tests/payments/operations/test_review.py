import pytest

from foundation.background_tasks import run_due_tasks
from payments.exceptions import ReviewNotPossible
from payments.models import Payment, Refund
from payments.operations.review import ReviewDecision, decide_review
from payments.polling.daily_reconciliation import reconcile
from tests.builders.bookings import DESK
from tests.builders.payments import checkout, make_orders_due

pytestmark = pytest.mark.django_db(transaction=True)


def make_payment_in_review(sandbox):
    new_checkout = checkout()
    sandbox.client.pay(new_checkout.order.razorpay_order_id, amount=51_000)
    make_orders_due()
    run_due_tasks()
    return Payment.objects.get(booking=new_checkout.new_booking.booking)


@pytest.mark.parametrize(
    ("decision", "disposition", "status"),
    [
        (ReviewDecision.REFUND_ALL, "refund_due", "held"),
        (ReviewDecision.APPLY_TO_BOOKING, "confirms", "confirmed"),
        (ReviewDecision.CLOSE, "closed", "held"),
    ],
)
def test_review_decision_sets_the_disposition_and_the_booking(sandbox, decision, disposition, status):
    payment = make_payment_in_review(sandbox)

    decide_review(payment_id=payment.pk, decision=decision, note="seen", actor=DESK)

    payment.refresh_from_db()
    payment.booking.refresh_from_db()
    assert (payment.disposition, payment.booking.status) == (disposition, status)


@pytest.mark.parametrize(
    ("decision", "disposition"),
    [
        (ReviewDecision.REFUND_ALL, "refund_due"),
        (ReviewDecision.APPLY_TO_BOOKING, "confirms"),
        (ReviewDecision.CLOSE, "closed"),
    ],
)
@pytest.mark.parametrize("note", ["Right.", ""])
def test_review_decision_lasts_after_the_next_poll_and_reconciliation(sandbox, decision, disposition, note):
    payment = make_payment_in_review(sandbox)
    decide_review(payment_id=payment.pk, decision=decision, note=note, actor=DESK)

    for _ in range(2):
        make_orders_due()
        run_due_tasks()
    reconcile()

    payment.refresh_from_db()
    assert (payment.disposition, payment.review_reason) == (disposition, note)


def test_second_review_decision_is_refused(sandbox):
    payment = make_payment_in_review(sandbox)
    decide_review(payment_id=payment.pk, decision=ReviewDecision.REFUND_ALL, note="seen", actor=DESK)

    with pytest.raises(ReviewNotPossible, match="already been reviewed"):
        decide_review(payment_id=payment.pk, decision=ReviewDecision.REFUND_ALL, note="seen", actor=DESK)

    assert [refund.amount_minor for refund in Refund.objects.all()] == [51_000]
