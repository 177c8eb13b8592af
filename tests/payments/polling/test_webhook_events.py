import pytest

from foundation.background_tasks import run_due_tasks
from payments.models import GatewayEvent, Payment, Refund
from payments.polling.webhook_events import process_events
from tests.builders.bookings import make_paid_service
from tests.builders.payments import checkout, payment_entity, post_webhook, verify, webhook_event

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_webhook_of_a_captured_payment_confirms_an_unverified_booking(sandbox):
    new_checkout = checkout()

    response = post_webhook(webhook_event("payment.captured", payment=payment_entity(new_checkout)))
    run_due_tasks()

    booking = new_checkout.new_booking.booking
    booking.refresh_from_db()
    assert (response.status_code, booking.status) == (200, "confirmed")
    assert GatewayEvent.objects.get().state == "done"


def test_webhook_delivered_twice_is_stored_once_and_settles_once(sandbox):
    new_checkout = checkout()
    body = webhook_event("payment.captured", payment=payment_entity(new_checkout))

    responses = [post_webhook(body).status_code, post_webhook(body).status_code]
    run_due_tasks()
    post_webhook(body, event_id="evt_2")
    run_due_tasks()

    booking = new_checkout.new_booking.booking
    booking.refresh_from_db()
    assert responses == [200, 200]
    assert (GatewayEvent.objects.count(), Payment.objects.count(), booking.version) == (2, 1, 2)


def test_webhook_of_an_earlier_state_does_not_undo_a_capture(sandbox):
    new_checkout = checkout()

    for number, status in enumerate(["captured", "authorized", "failed", "created"]):
        post_webhook(
            webhook_event(f"payment.{status}", payment=payment_entity(new_checkout, status=status)),
            event_id=f"evt_{number}",
        )
        run_due_tasks()

    assert Payment.objects.get().state == "captured"


def test_webhook_of_a_refund_before_its_payment_records_both(sandbox):
    new_checkout = checkout()
    payment = payment_entity(new_checkout, status="refunded", amount_refunded=50_000)
    refund = {
        "id": "rfnd_Webhook000001",
        "payment_id": payment["id"],
        "amount": 50_000,
        "currency": "INR",
        "status": "processed",
        "receipt": None,
    }

    post_webhook(webhook_event("refund.created", refund=refund, payment=payment))
    run_due_tasks()

    row = Refund.objects.get()
    assert (row.source, row.state, row.payment.state) == ("external", "processed", "refunded")
    new_checkout.new_booking.booking.refresh_from_db()
    assert new_checkout.new_booking.booking.status == "held"


def test_webhook_of_a_returned_uncaptured_payment_flags_the_confirmed_payment_for_review(sandbox):
    new_checkout = checkout()
    checkout_response = sandbox.client.pay(new_checkout.order.razorpay_order_id, capture=False)
    verify(checkout_response)
    entity = payment_entity(
        new_checkout, id=checkout_response["razorpay_payment_id"], status="refunded", captured=False
    )

    post_webhook(webhook_event("refund.processed", payment=entity | {"amount_refunded": 50_000}))
    GatewayEvent.objects.update(next_try_at="2020-01-01T00:00Z")
    process_events()

    payment = Payment.objects.get()
    assert (payment.disposition, payment.state) == ("review", "refunded")
    assert (Refund.objects.count(), "never captured" in payment.review_reason) == (0, True)


def test_webhook_before_the_order_response_is_matched_by_receipt(sandbox):
    service = make_paid_service()
    sandbox.client.set(gateway_reset_after=1)
    with pytest.raises(Exception, match="payment gateway"):
        checkout(service)
    sandbox.client.set(gateway_reset_after=0)
    order_id = sandbox.client.log(kind="order.created")[-1]["order_id"]
    entity = {
        "id": "pay_BeforeOrder001",
        "amount": 50_000,
        "currency": "INR",
        "status": "captured",
        "order_id": order_id,
    }

    post_webhook(webhook_event("payment.captured", payment=entity))
    run_due_tasks()

    payment = Payment.objects.get()
    assert (payment.disposition, payment.order.razorpay_order_id) == ("confirms", order_id)


def test_webhook_of_an_unknown_order_is_stored_and_retried(sandbox):
    entity = payment_entity(checkout(), order_id="order_Unknown0000001")

    response = post_webhook(webhook_event("payment.captured", payment=entity))
    run_due_tasks()

    row = GatewayEvent.objects.get()
    assert (response.status_code, row.state, Payment.objects.count()) == (200, "unmatched", 0)
    assert row.next_try_at is not None


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"\xff",
        b'{"event": 5}',
        b'{"event": "x\\u0000y", "payload": null}',
        b'{"event": "payment.captured", "payload": {"payment": {"entity": {"id": "../x"}}}}',
        b'{"event": "settlement.processed", "payload": {}}',
    ],
)
def test_webhook_without_usable_content_is_stored_and_ignored(sandbox, body):
    response = post_webhook(body)
    run_due_tasks()

    assert response.status_code == 200
    assert GatewayEvent.objects.get().state in ("ignored", "unmatched")
