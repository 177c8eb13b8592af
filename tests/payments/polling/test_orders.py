from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from payments.exceptions import GatewayUnavailable
from payments.models import Payment, PaymentOrder, Refund
from payments.polling import orders
from reports.takings import takings
from tests.builders.bookings import make_paid_service
from tests.builders.payments import checkout, count_messages_by_kind, make_orders_due, verify

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def make_hold_overdue(new_checkout):
    Booking.objects.filter(pk=new_checkout.new_booking.booking.pk).update(
        hold_expires_at=timezone.now() - timedelta(seconds=1)
    )
    make_orders_due()


def status_of(new_checkout):
    return Booking.objects.get(pk=new_checkout.new_booking.booking.pk).status


def test_poll_orders_captures_an_authorised_payment_after_its_verification(sandbox):
    new_checkout = checkout()
    verify(sandbox.client.pay(new_checkout.order.razorpay_order_id, capture=False))

    run_due_tasks()

    payment = Payment.objects.get()
    assert (payment.state, payment.disposition) == ("captured", "confirms")
    assert len(sandbox.client.log(kind="payment.captured")) >= 1
    assert PaymentOrder.objects.get().next_check_at is None


def test_poll_orders_finds_an_unreported_payment(sandbox):
    new_checkout = checkout()
    sandbox.client.pay(new_checkout.order.razorpay_order_id)
    make_orders_due()

    run_due_tasks()

    assert (status_of(new_checkout), Payment.objects.get().disposition) == ("confirmed", "confirms")


def test_poll_orders_polls_the_gateway_before_a_hold_expires(sandbox):
    new_checkout = checkout()
    sandbox.client.pay(new_checkout.order.razorpay_order_id)
    make_hold_overdue(new_checkout)

    run_due_tasks()

    assert status_of(new_checkout) == "confirmed"


def test_poll_orders_expires_an_unpaid_hold(sandbox):
    new_checkout = checkout()
    make_hold_overdue(new_checkout)

    run_due_tasks()

    assert status_of(new_checkout) == "expired"
    assert checkout(new_checkout.new_booking.booking.service).new_booking.booking.status == "held"


def test_poll_orders_extends_a_hold_once_for_a_pending_payment(sandbox):
    new_checkout = checkout()
    checkout_response = sandbox.client.pay(new_checkout.order.razorpay_order_id, capture=False, amount=40_000)
    make_hold_overdue(new_checkout)

    run_due_tasks()
    first_status = status_of(new_checkout)
    make_hold_overdue(new_checkout)
    run_due_tasks()

    assert (first_status, status_of(new_checkout)) == ("held", "expired")
    assert checkout_response["razorpay_payment_id"] == Payment.objects.get().razorpay_payment_id


def test_poll_orders_expires_a_hold_while_the_gateway_is_unavailable(sandbox, settings):
    new_checkout = checkout()
    make_hold_overdue(new_checkout)
    settings.RAZORPAY_API_BASE_URL = "http://127.0.0.1:9"

    run_due_tasks()

    assert status_of(new_checkout) == "expired"


def test_poll_orders_finds_an_order_by_receipt_after_a_lost_response(sandbox):
    service = make_paid_service()
    sandbox.client.set(gateway_reset_after=1)
    with pytest.raises(GatewayUnavailable):
        checkout(service)
    sandbox.client.set(gateway_reset_after=0)
    make_orders_due()

    run_due_tasks()

    order = PaymentOrder.objects.get()
    assert (order.state, order.razorpay_order_id) == ("open", sandbox.client.log(kind="order.created")[-1]["order_id"])


def test_poll_orders_closes_an_order_that_the_gateway_never_received(sandbox):
    service = make_paid_service()
    sandbox.client.set(gateway_error_before=1)
    with pytest.raises(GatewayUnavailable):
        checkout(service)
    sandbox.client.set(gateway_error_before=0)
    Booking.objects.update(hold_expires_at=timezone.now())
    make_orders_due()

    run_due_tasks()

    assert (PaymentOrder.objects.get().state, Booking.objects.get().status) == ("closed", "expired")


def test_poll_orders_flags_a_payment_of_another_amount_for_review(sandbox):
    new_checkout = checkout()
    sandbox.client.pay(new_checkout.order.razorpay_order_id, amount=51_000)
    make_orders_due()

    run_due_tasks()

    payment = Payment.objects.get()
    assert (payment.disposition, payment.amount_minor, status_of(new_checkout)) == ("review", 51_000, "held")


def test_poll_orders_refunds_the_second_payment(sandbox):
    new_checkout = checkout()
    order_id = new_checkout.order.razorpay_order_id
    failed = sandbox.client.fail(order_id)
    verify(sandbox.client.pay(order_id))
    run_due_tasks()
    sandbox.client.late_authorize(failed["id"], capture=True)
    make_orders_due()

    run_due_tasks()
    run_due_tasks()

    second = Payment.objects.get(razorpay_payment_id=failed["id"])
    assert (second.disposition, Refund.objects.get().source) == ("refund_due", "duplicate")
    assert Payment.objects.filter(disposition="confirms").count() == 1


def test_poll_orders_records_a_refund_made_in_the_dashboard(sandbox, payment):
    sandbox.client.dashboard_refund(payment.razorpay_payment_id, 15_000)
    make_orders_due()

    run_due_tasks()

    row = Refund.objects.get()
    assert (row.source, row.state, row.amount_minor) == ("external", "processed", 15_000)


def test_poll_orders_does_not_count_a_payment_that_was_returned_uncaptured_as_refunded(sandbox):
    checkout_response = sandbox.client.pay(checkout().order.razorpay_order_id, capture=False, amount=40_000)
    sandbox.client.auto_refund(checkout_response["razorpay_payment_id"])
    make_orders_due()

    run_due_tasks()

    assert Payment.objects.get().state == "refunded"
    assert not Refund.objects.exists()
    assert takings(timezone.localdate()) == []
    assert "refund_processed" not in count_messages_by_kind()


def test_poll_orders_continues_after_a_failing_order(sandbox, monkeypatch):
    service = make_paid_service(resources=2)
    failing, working = checkout(service), checkout(service)
    sandbox.client.pay(working.order.razorpay_order_id)
    make_orders_due()
    fetch_order_state = orders.fetch_order_state

    def fail_for_one_order(order):
        if order.pk == failing.order.pk:
            raise ZeroDivisionError
        return fetch_order_state(order)

    monkeypatch.setattr(orders, "fetch_order_state", fail_for_one_order)

    run_due_tasks()

    assert (status_of(failing), status_of(working)) == ("held", "confirmed")
