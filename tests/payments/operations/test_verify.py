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
    new_checkout = checkout()

    booking = verify(sandbox.client.pay(new_checkout.order.razorpay_order_id))

    payment = Payment.objects.get()
    assert (booking.pk, booking.status) == (new_checkout.new_booking.booking.pk, "confirmed")
    assert (payment.amount_minor, payment.currency, payment.disposition) == (50_000, "INR", "confirms")


def test_verified_payment_leaves_a_booking_that_needs_confirmation_pending(sandbox):
    new_checkout = checkout(make_paid_service(requires_confirmation=True))

    assert verify(sandbox.client.pay(new_checkout.order.razorpay_order_id)).status == "pending"


def test_checkout_of_a_deposit_requests_only_the_deposit(sandbox):
    new_checkout = checkout(make_paid_service(payment_mode="deposit", deposit_minor=12_300))

    assert sandbox.client.log(kind="order.created")[-1]["amount"] == new_checkout.order.amount_minor == 12_300


def test_payment_verified_twice_settles_once(sandbox):
    checkout_response = sandbox.client.pay(checkout().order.razorpay_order_id)

    first, second = verify(checkout_response), verify(checkout_response)

    assert (first.version, second.version) == (2, 2)
    assert (Payment.objects.count(), Notification.objects.count()) == (1, 3)


def test_concurrent_verifications_of_one_payment_settle_once(sandbox):
    checkout_response = sandbox.client.pay(checkout().order.razorpay_order_id)
    results = []

    errors = run_concurrently([lambda: results.append(verify(checkout_response).status)] * 12)

    assert errors == []
    assert results == ["confirmed"] * 12
    assert (Payment.objects.count(), Notification.objects.count()) == (1, 3)


def test_signature_of_another_order_is_invalid(sandbox):
    service = make_paid_service(resources=2)
    first, second = checkout(service), checkout(service)
    checkout_response = sandbox.client.pay(first.order.razorpay_order_id)

    with pytest.raises(SignatureInvalid):
        verify({**checkout_response, "razorpay_order_id": second.order.razorpay_order_id})
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
    checkout_response = sandbox.client.pay(checkout().order.razorpay_order_id)
    altered_signature = alter(checkout_response["razorpay_signature"])

    with pytest.raises(SignatureInvalid):
        verify({**checkout_response, "razorpay_signature": altered_signature})
    assert Payment.objects.count() == 0


def test_payment_of_another_order_is_refused(sandbox):
    service = make_paid_service(resources=2)
    first, second = checkout(service), checkout(service)
    checkout_response = sandbox.client.pay(first.order.razorpay_order_id)
    verify(checkout_response)
    Payment.objects.update(order=second.order)

    with pytest.raises(PaymentMismatch):
        verify(checkout_response)


def test_verification_of_an_unknown_order_is_refused(sandbox):
    with pytest.raises(UnknownOrder):
        verify_payment(order_id="order_unknown", payment_id="pay_1", signature="0" * 64)


def test_late_payment_confirms_an_expired_hold_while_the_slot_is_free(sandbox):
    new_checkout = checkout()
    checkout_response = sandbox.client.pay(new_checkout.order.razorpay_order_id)
    release_hold(booking_id=new_checkout.new_booking.booking.pk, actor=DESK)

    assert verify(checkout_response).status == "confirmed"


@pytest.mark.parametrize("end", ["no_show", "cancelled"])
def test_second_verification_of_an_ended_booking_announces_no_refund(sandbox, end):
    checkout_response = sandbox.client.pay((new_checkout := checkout()).order.razorpay_order_id)
    verify(checkout_response)
    Booking.objects.filter(pk=new_checkout.new_booking.booking.pk).update(status=end)

    assert verify(checkout_response).status == end


def test_payment_in_review_announces_no_refund(sandbox):
    checkout_response = sandbox.client.pay(checkout().order.razorpay_order_id)
    verify(checkout_response)
    Booking.objects.update(status="cancelled")
    Payment.objects.update(disposition="review")

    with pytest.raises(PaidTooLate, match="call us"):
        verify(checkout_response)


def test_payment_for_a_taken_slot_is_refunded_after_its_capture(sandbox):
    new_checkout = checkout()
    checkout_response = sandbox.client.pay(new_checkout.order.razorpay_order_id)
    release_hold(booking_id=new_checkout.new_booking.booking.pk, actor=DESK)
    checkout(new_checkout.new_booking.booking.service)

    with pytest.raises(PaidTooLate):
        verify(checkout_response)
    run_due_tasks()

    payment, refund = Payment.objects.get(), Refund.objects.get()
    assert (payment.state, payment.disposition) == ("refunded", "refund_due")
    assert (refund.state, refund.source, refund.amount_minor) == ("processed", "late", 50_000)
    assert sandbox.client.log(kind="refund.created")[-1]["amount"] == 50_000
    assert Booking.objects.get(pk=new_checkout.new_booking.booking.pk).status == "expired"
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

    with pytest.raises(GatewayUnavailable) as refusal:
        checkout(service)

    order = PaymentOrder.objects.get()
    assert (refusal.value.booking.status, order.state) == ("held", "creating")
    assert order.last_error


def test_checkout_refused_by_the_gateway_releases_the_slot(sandbox):
    service = make_paid_service(payment_mode="deposit", deposit_minor=50)  # below the gateway's minimum

    with pytest.raises(OrderRejected):
        checkout(service)

    assert PaymentOrder.objects.get().state == "rejected"
    assert Booking.objects.get().status == "expired"
