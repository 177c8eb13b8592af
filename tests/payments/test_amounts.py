"""Payments of another amount or currency than their order's confirm no booking, from any source of reports.

A fee that the customer bears does not count as a difference.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import release_hold
from foundation.background_tasks import run_due_tasks
from payments.exceptions import PaidTooLate
from payments.models import Payment, Refund
from payments.operations.review import ReviewDecision, decide_review
from payments.polling.daily_reconciliation import reconcile
from tests.builders.bookings import DESK
from tests.builders.payments import checkout, make_orders_due, post_webhook, verify

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

WRONG = [{"amount": 49_999}, {"amount": 50_001}, {"currency": "USD"}]


def by_webhook(sandbox):
    for event in sandbox.client.webhooks()[-3:]:
        post_webhook(event["body"].encode(), event["signature"], event["event_id"])
    run_due_tasks()


def by_poll(sandbox):
    make_orders_due()
    run_due_tasks()


def by_poll_of_an_overdue_hold(sandbox):
    Booking.objects.filter(status="held").update(hold_expires_at=timezone.now() - timedelta(seconds=1))
    by_poll(sandbox)


def by_reconciliation(sandbox):
    reconcile()


REPORTS = [by_webhook, by_poll, by_poll_of_an_overdue_hold, by_reconciliation]


@pytest.fixture
def paid(sandbox):
    """Pay a new order; return what Checkout returned to the browser."""
    return lambda **options: sandbox.client.pay(checkout().order.razorpay_order_id, **options)


def situation():
    payment = Payment.objects.get()
    return Booking.objects.get().status, payment.disposition, Refund.objects.count()


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_amount_confirms_nothing(sandbox, paid, wrong, report):
    paid(**wrong)

    report(sandbox)

    status, disposition, refunds = situation()
    assert (status in ("held", "expired"), disposition, refunds) == (True, "review", 0)


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_amount_after_a_verified_signature_keeps_the_booking_and_needs_review(sandbox, paid, wrong, report):
    verify(paid(**wrong))

    report(sandbox)

    assert situation() == ("confirmed", "review", 0)


@pytest.mark.parametrize("is_captured", [True, False])
def test_signature_that_arrives_after_the_wrong_amount_confirms_nothing(sandbox, paid, is_captured):
    checkout_response = paid(amount=49_999, capture=is_captured)
    by_poll(sandbox)

    with pytest.raises(PaidTooLate):
        verify(checkout_response)

    assert situation() == ("held", "review", 0)


def test_wrong_amount_does_not_reinstate_an_expired_booking(sandbox, paid):
    paid(amount=49_999)
    release_hold(booking_id=Booking.objects.get().pk, actor=DESK)

    by_poll(sandbox)

    status, disposition, refunds = situation()
    assert (status != "confirmed", disposition, refunds) == (True, "review", 0)


@pytest.mark.parametrize("decision", ReviewDecision)
@pytest.mark.parametrize("report", REPORTS)
def test_decision_about_a_wrong_amount_lasts(sandbox, paid, decision, report):
    verify(paid(amount=51_000))
    by_poll(sandbox)
    payment = decide_review(payment_id=Payment.objects.get().pk, decision=decision, note="Seen.", actor=DESK)

    report(sandbox)

    assert Payment.objects.get().disposition == payment.disposition != "review"


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("is_verified", [True, False])
def test_fee_that_the_customer_bears_confirms(sandbox, paid, is_verified, report):
    sandbox.client.set(customer_bears_fee=True)
    checkout_response = paid()
    if is_verified:
        verify(checkout_response)

    report(sandbox)

    payment = Payment.objects.get()
    assert situation() == ("confirmed", "confirms", 0)
    assert (payment.amount_minor, payment.customer_fee_minor) == (51_180, 1_180)


def test_authorised_payment_with_the_fee_of_the_customer_is_captured(sandbox, paid):
    sandbox.client.set(customer_bears_fee=True)
    paid(capture=False)

    by_poll(sandbox)

    assert (Payment.objects.get().state, situation()) == ("captured", ("confirmed", "confirms", 0))


def test_authorised_payment_of_a_wrong_amount_is_not_captured(sandbox, paid):
    paid(capture=False, amount=49_999)

    by_poll(sandbox)

    payment = Payment.objects.get()
    assert (payment.state, payment.disposition, Booking.objects.get().status) == ("authorized", "none", "held")


def test_late_payment_with_the_fee_of_the_customer_is_refunded_without_it(sandbox, paid):
    sandbox.client.set(customer_bears_fee=True)
    paid()
    Booking.objects.update(status="cancelled", hold_expires_at=None)

    by_poll(sandbox)

    payment = Payment.objects.get()
    assert (payment.disposition, Refund.objects.get().amount_minor) == ("refund_due", 50_000)
    run_due_tasks()
    payment.refresh_from_db()
    assert (payment.state, payment.refundable_minor()) == ("refunded", 0)
