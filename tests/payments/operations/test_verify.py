import pytest

from bookings.models import Booking
from bookings.operations import release_hold
from foundation.background_tasks import run_due_tasks
from notifications.models import Notification
from payments.exceptions import (
    GatewayUnavailable,
    OrderRejected,
    PaidTooLate,
    PaymentMismatch,
    SignatureInvalid,
    UnknownOrder,
)
from payments.models import Payment, PaymentOrder, Refund
from payments.operations.verify import verify_payment
from tests.builders.bookings import DESK, make_paid_service
from tests.builders.payments import checkout, count_messages_by_kind, verify
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)


def test_verified_payment_confirms_the_booking(sandbox):
    started = checkout()

    booking = verify(sandbox.client.pay(started.order.razorpay_order_id))

    payment = Payment.objects.get()
    assert (booking.pk, booking.status) == (started.new_booking.booking.pk, "confirmed")
    assert (payment.amount_minor, payment.currency, payment.disposition) == (50_000, "INR", "confirms")


def test_verified_payment_of_a_service_that_needs_confirmation_is_pending(sandbox):
    started = checkout(make_paid_service(requires_confirmation=True))

    assert verify(sandbox.client.pay(started.order.razorpay_order_id)).status == "pending"


def test_checkout_of_a_deposit_requests_only_the_deposit(sandbox):
    started = checkout(make_paid_service(payment_mode="deposit", deposit_minor=12_300))

    assert sandbox.client.log(kind="order.created")[-1]["amount"] == started.order.amount_minor == 12_300


def test_payment_verified_twice_settles_once(sandbox):
    paid = sandbox.client.pay(checkout().order.razorpay_order_id)

    first, second = verify(paid), verify(paid)

    assert (first.version, second.version) == (2, 2)
    assert (Payment.objects.count(), Notification.objects.count()) == (1, 3)


def test_concurrent_verifications_of_one_payment_settle_once(sandbox):
    paid = sandbox.client.pay(checkout().order.razorpay_order_id)
    results = []

    faults = run_concurrently([lambda: results.append(verify(paid).status)] * 12)

    assert faults == []
    assert results == ["confirmed"] * 12
    assert (Payment.objects.count(), Notification.objects.count()) == (1, 3)


def test_signature_of_another_order_is_invalid(sandbox):
    service = make_paid_service(resources=2)
    cheap, dear = checkout(service), checkout(service)
    paid = sandbox.client.pay(cheap.order.razorpay_order_id)

    with pytest.raises(SignatureInvalid):
        verify({**paid, "razorpay_order_id": dear.order.razorpay_order_id})
    assert (Payment.objects.count(), Booking.objects.filter(status="confirmed").count()) == (0, 0)


@pytest.mark.parametrize(
    "alter",
    [
        lambda s: "0" * 64,
        lambda s: s[:-1] + ("0" if s[-1] != "0" else "1"),
        lambda s: s.swapcase()[::-1],
        lambda s: "",
        lambda s: s[:-1],
        lambda s: s + "0",
        lambda s: "é" * 64,
    ],
)
def test_altered_signature_changes_no_row(sandbox, alter):
    paid = sandbox.client.pay(checkout().order.razorpay_order_id)
    forged = alter(paid["razorpay_signature"])

    with pytest.raises(SignatureInvalid):
        verify({**paid, "razorpay_signature": forged})
    assert Payment.objects.count() == 0


def test_payment_of_another_order_is_refused(sandbox):
    service = make_paid_service(resources=2)
    first, second = checkout(service), checkout(service)
    paid = sandbox.client.pay(first.order.razorpay_order_id)
    verify(paid)
    Payment.objects.update(order=second.order)

    with pytest.raises(PaymentMismatch):
        verify(paid)


def test_verification_of_an_unknown_order_is_refused(sandbox):
    with pytest.raises(UnknownOrder):
        verify_payment(order_id="order_unknown", payment_id="pay_1", signature="0" * 64)


def test_late_payment_confirms_an_expired_hold_while_the_slot_is_free(sandbox):
    started = checkout()
    paid = sandbox.client.pay(started.order.razorpay_order_id)
    release_hold(booking_id=started.new_booking.booking.pk, actor=DESK)

    assert verify(paid).status == "confirmed"


@pytest.mark.parametrize("end", ["no_show", "cancelled"])
def test_second_verification_after_the_visit_announces_no_refund(sandbox, end):
    paid = sandbox.client.pay((started := checkout()).order.razorpay_order_id)
    verify(paid)
    Booking.objects.filter(pk=started.new_booking.booking.pk).update(status=end)

    assert verify(paid).status == end


def test_payment_in_review_announces_no_refund(sandbox):
    paid = sandbox.client.pay(checkout().order.razorpay_order_id)
    verify(paid)
    Booking.objects.update(status="cancelled")
    Payment.objects.update(disposition="review")

    with pytest.raises(PaidTooLate, match="call us"):
        verify(paid)


def test_payment_for_a_sold_slot_is_refunded_once_captured(sandbox):
    started = checkout()
    paid = sandbox.client.pay(started.order.razorpay_order_id)
    release_hold(booking_id=started.new_booking.booking.pk, actor=DESK)
    checkout(started.new_booking.booking.service)

    with pytest.raises(PaidTooLate):
        verify(paid)
    run_due_tasks()

    payment, refund = Payment.objects.get(), Refund.objects.get()
    assert (payment.state, payment.disposition) == ("refunded", "refund_due")
    assert (refund.state, refund.source, refund.amount_minor) == ("processed", "late", 50_000)
    assert sandbox.client.log(kind="refund.created")[-1]["amount"] == 50_000
    assert Booking.objects.get(pk=started.new_booking.booking.pk).status == "expired"
    assert count_messages_by_kind() == {"refund_requested": 3, "refund_processed": 3}


@pytest.mark.short_deadline
@pytest.mark.parametrize(
    "fault",
    [
        "error_before",
        "error_after",
        "html_error",
        "hang_before",
        "hang_after",
        "throttle",
        "reset_before",
        "reset_after",
    ],
)
def test_checkout_with_a_failing_gateway_keeps_the_hold(sandbox, fault):
    service = make_paid_service()
    sandbox.client.set(**{f"gateway_{fault}": 1, "hang_seconds": 1.5})

    with pytest.raises(GatewayUnavailable) as raised:
        checkout(service)

    order = PaymentOrder.objects.get()
    assert (raised.value.booking.status, order.state) == ("held", "creating")
    assert order.last_error


def test_checkout_refused_by_the_gateway_releases_the_slot(sandbox):
    service = make_paid_service(payment_mode="deposit", deposit_minor=50)  # below the gateway's minimum

    with pytest.raises(OrderRejected):
        checkout(service)

    assert PaymentOrder.objects.get().state == "rejected"
    assert Booking.objects.get().status == "expired"
