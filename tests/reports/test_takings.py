from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from foundation.background_tasks import run_due_tasks
from payments.models import DeskPayment, Payment, Refund
from payments.operations.refund import refund_payment
from payments.polling.daily_reconciliation import reconcile
from reports.takings import takings
from tests.builders.bookings import DESK, make_booking
from tests.builders.payments import make_captured_payment, make_refunds_due

pytestmark = pytest.mark.django_db(transaction=True)


def test_takings_add_up_by_method(manager, sandbox):
    payment = make_captured_payment(sandbox)
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    run_due_tasks()
    for method, amount, kind in (("cash", "50", "taken"), ("cash", "20", "paid_out"), ("card", "30", "taken")):
        form = {"key": str(uuid4()), "amount_minor": amount, "method": method, "kind": kind}
        form["is_more_than_due"] = "on"  # it was paid online
        manager.post(f"/payments/desk/{payment.booking_id}", form)

    rows = {
        row.method: (row.count, row.taken_minor, row.returned_minor, row.net_minor)
        for row in takings(timezone.localdate())
    }
    csv = manager.get("/payments/takings.csv").content.decode().splitlines()

    assert rows == {
        "desk: card": (1, 3_000, 0, 3_000),
        "desk: cash": (2, 5_000, 2_000, 3_000),
        "online: upi": (2, 50_000, 10_000, 40_000),
        "all": (5, 58_000, 12_000, 46_000),
    }
    assert (len(csv), csv[0].split(",")[0]) == (6, "at")
    assert manager.get("/payments/takings").status_code == 200


def test_takings_of_a_day_are_from_midnight_to_midnight_local_time():
    booking, zone = make_booking(), ZoneInfo("Asia/Kolkata")
    for at in (
        datetime(2026, 3, 1, 0, 0, tzinfo=zone),
        datetime(2026, 3, 1, 23, 59, 59, tzinfo=zone),
        datetime(2026, 3, 2, 0, 0, tzinfo=zone),
    ):
        DeskPayment.objects.create(
            booking=booking, method="cash", amount_minor=100, currency="INR", taken_by="x", taken_at=at
        )

    assert takings(datetime(2026, 3, 1, tzinfo=zone).date())[0].count == 2


def test_online_payments_and_refunds_count_on_the_day_on_which_the_gateway_made_them(sandbox):
    """A capture may be recorded days later: after an outage, or by the daily reconciliation."""
    payment = make_captured_payment(sandbox)
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    run_due_tasks()
    today = timezone.localdate()
    payment.refresh_from_db()
    refund = payment.refunds.get()
    recorded_later = timezone.now() + timedelta(days=3)
    Payment.objects.update(captured_at=recorded_later)
    Refund.objects.update(processed_at=recorded_later)

    counts = [sum(row.count for row in takings(day) if row.method == "all") for day in (today, recorded_later.date())]

    assert None not in (payment.paid_at, refund.refunded_at)
    assert counts == [2, 0]


def test_fee_that_the_customer_bears_is_not_taken_by_the_business(manager, sandbox):
    sandbox.client.set(customer_bears_fee=True)
    make_captured_payment(sandbox)

    rows = takings(timezone.localdate())
    csv = manager.get("/payments/takings.csv").content.decode()

    assert {row.taken_minor for row in rows} == {50_000}
    assert ",500.00,0.00,INR," in csv


def test_refund_that_fails_after_it_was_processed_is_taken_again_on_the_day_of_its_failure(sandbox):
    payment = make_captured_payment(sandbox)
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    run_due_tasks()
    today, tomorrow = timezone.localdate(), timezone.localdate() + timedelta(days=1)
    refund = Refund.objects.get()
    sandbox.client.fail_refund(refund.razorpay_refund_id)
    reconcile()
    refund.refresh_from_db()
    Refund.objects.update(failed_at=refund.failed_at + timedelta(days=1))

    days = [{row.method: row.net_minor for row in takings(day)} for day in (today, tomorrow)]

    assert refund.state == "failed"
    assert days == [{"online: upi": 40_000, "all": 40_000}, {"online: upi": 10_000, "all": 10_000}]


def test_refund_that_fails_before_it_was_processed_is_not_counted(sandbox):
    sandbox.client.set(refund_pending=1)
    payment = make_captured_payment(sandbox)
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    run_due_tasks()
    sandbox.client.fail_refund(Refund.objects.get().razorpay_refund_id)
    make_refunds_due()
    run_due_tasks()

    rows = {row.method: (row.count, row.net_minor) for row in takings(timezone.localdate())}

    assert Refund.objects.get().state == "failed"
    assert rows == {"online: upi": (1, 50_000), "all": (1, 50_000)}
