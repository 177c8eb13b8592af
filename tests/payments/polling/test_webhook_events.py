import json

import pytest
import razorpay

from foundation.background_tasks import run_due_tasks
from payments.gateway.signatures import is_webhook_signature_valid
from payments.models import GatewayEvent, Payment, Refund
from payments.polling.webhook_events import process_events
from tests.builders.bookings import make_paid_service
from tests.builders.payments import checkout, payment_entity, post_webhook, sign_webhook, verify, webhook_event

pytestmark = pytest.mark.django_db(transaction=True)


def test_webhook_of_a_captured_payment_confirms_an_unverified_booking(sandbox):
    started = checkout()

    response = post_webhook(webhook_event("payment.captured", payment=payment_entity(started)))
    run_due_tasks()

    booking = started.new_booking.booking
    booking.refresh_from_db()
    assert (response.status_code, booking.status) == (200, "confirmed")
    assert GatewayEvent.objects.get().state == "done"


def test_the_same_event_twice_is_kept_once_and_has_one_effect(sandbox):
    started = checkout()
    body = webhook_event("payment.captured", payment=payment_entity(started))

    responses = [post_webhook(body).status_code, post_webhook(body).status_code]
    run_due_tasks()
    post_webhook(body, event_id="evt_2")
    run_due_tasks()

    started.new_booking.booking.refresh_from_db()
    assert responses == [200, 200]
    assert (GatewayEvent.objects.count(), Payment.objects.count(), started.new_booking.booking.version) == (2, 1, 2)


def test_without_an_id_the_same_bytes_are_the_same_event(sandbox):
    body = webhook_event("payment.captured", payment=payment_entity(checkout()))

    post_webhook(body, event_id="")
    post_webhook(body, event_id="")

    assert GatewayEvent.objects.count() == 1


def test_a_capture_reported_before_its_authorisation_stays_a_capture(sandbox):
    started = checkout()

    for number, status in enumerate(["captured", "authorized", "failed", "created"]):
        post_webhook(
            webhook_event(f"payment.{status}", payment=payment_entity(started, status=status)), event_id=f"evt_{number}"
        )
        run_due_tasks()

    assert Payment.objects.get().state == "captured"


def test_a_refund_that_overtakes_its_payment_is_not_lost(sandbox):
    started = checkout()
    payment = payment_entity(started, status="refunded", amount_refunded=50_000)
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
    started.new_booking.booking.refresh_from_db()
    assert started.new_booking.booking.status == "held"


def test_money_that_went_back_uncaptured_flags_the_booking_that_stands_on_it(sandbox):
    started = checkout()
    paid = sandbox.client.pay(started.order.razorpay_order_id, capture=False)
    verify(paid)
    gone = payment_entity(started, id=paid["razorpay_payment_id"], status="refunded", captured=False)

    post_webhook(webhook_event("refund.processed", payment=gone | {"amount_refunded": 50_000}))
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
        "id": "pay_Overtaker00001",
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


@pytest.mark.parametrize(
    "alter",
    [
        lambda body, signature: (body, ""),
        lambda body, signature: (body, signature.upper()),
        lambda body, signature: (body, signature[:-1] + "g"),
        lambda body, signature: (body, sign_webhook(body, "another-secret")),
        lambda body, signature: (body, sign_webhook(body, "")),
        lambda body, signature: (body + b" ", signature),
        lambda body, signature: (body.replace(b"50000", b"60000"), signature),
        lambda body, signature: (json.dumps(json.loads(body), indent=1).encode(), signature),
    ],
)
def test_webhook_with_an_invalid_signature_changes_nothing(sandbox, alter):
    body, signature = alter(
        *(lambda b: (b, sign_webhook(b)))(webhook_event("payment.captured", payment=payment_entity(checkout())))
    )

    assert post_webhook(body, signature).status_code == 400
    assert GatewayEvent.objects.count() == 0


def test_an_empty_secret_verifies_nothing(sandbox, settings):
    settings.RAZORPAY_WEBHOOK_SECRETS = [""]
    body = webhook_event("payment.captured", payment=payment_entity(checkout()))

    assert post_webhook(body, sign_webhook(body, "")).status_code == 400


def test_a_body_too_large_for_an_event_is_refused(db):
    assert post_webhook(b"x" * (256 * 1024 + 1)).status_code == 413


def test_the_official_vector_of_a_webhook_passes_and_the_sdk_agrees(settings):
    settings.RAZORPAY_WEBHOOK_SECRETS = ["123456"]
    body, signature = b'{"a":1,"b":2,"c":{"d":3}}', "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc"
    sdk = razorpay.Client(auth=("key", "secret")).utility

    assert is_webhook_signature_valid(body, signature)
    assert sdk.verify_webhook_signature(body.decode(), signature, "123456")
    for forged in (signature[::-1], signature[:-1], signature.upper()):
        assert not is_webhook_signature_valid(body, forged)
        with pytest.raises(razorpay.errors.SignatureVerificationError):
            sdk.verify_webhook_signature(body.decode(), forged, "123456")
