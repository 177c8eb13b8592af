from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from payments.invariants import INVARIANTS
from payments.models import GatewayEvent, Payment, PaymentOrder, Refund
from tests.builders.payments import checkout, verify

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LONG_AGO = timezone.now() - timedelta(days=1)


def list_violations():
    """Run the command; return the invariants of payments that are violated."""
    out = StringIO()
    with suppress(CommandError):
        call_command("check_invariants", stdout=out)
    lines = [line.split(maxsplit=1) for line in out.getvalue().splitlines() if line.startswith("  ")]
    return {invariant.partition("  such as")[0] for count, invariant in lines if count != "0"} & set(INVARIANTS)


def refund(**fields):
    return Refund.objects.create(
        payment=Payment.objects.get(), currency="INR", source="staff", requested_by="desk", **fields
    )


def change_amount():
    Payment.objects.update(amount_minor=51_000)


def leave_undecided():
    Payment.objects.update(disposition="none", captured_at=LONG_AGO)


def skip_refund():
    Payment.objects.update(disposition="refund_due", captured_at=LONG_AGO)


def refund_twice():
    for number in range(2):
        refund(amount_minor=30_000, state="processed", razorpay_refund_id=f"rfnd_{number}")


def keep_booking_without_payment():
    Payment.objects.update(disposition="none", captured_at=None, state="authorized")


def leave_uncaptured():
    Payment.objects.update(captured_at=None, state="authorized", signature_verified_at=LONG_AGO)


def make_event_overdue():
    GatewayEvent.objects.create(event_id="evt_1", kind="payment.captured", next_try_at=LONG_AGO)


def make_order_overdue():
    PaymentOrder.objects.update(next_check_at=LONG_AGO)


def make_refund_overdue():
    refund(amount_minor=1, next_try_at=LONG_AGO)


def make_hold_overdue():
    Booking.objects.update(status="held", hold_expires_at=LONG_AGO)


@pytest.fixture
def paid_booking(sandbox):
    verify(sandbox.client.pay(checkout().order.razorpay_order_id))
    run_due_tasks()


def test_invariants_hold_for_a_paid_booking(paid_booking):
    assert list_violations() == set()


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        (change_amount, "has the amount of its order"),
        (leave_undecided, "Captured money"),
        (skip_refund, "Captured money"),
        (refund_twice, "Refunds never exceed"),
        (keep_booking_without_payment, "active only with a payment"),
        (leave_uncaptured, "captured within an hour"),
        (make_event_overdue, "events are processed"),
        (make_order_overdue, "Orders and refunds are polled"),
        (make_refund_overdue, "Orders and refunds are polled"),
        (make_hold_overdue, "Unpaid holds are released"),
    ],
)
def test_check_invariants_names_each_violation(paid_booking, damage, part):
    damage()

    assert any(part in invariant for invariant in list_violations())
