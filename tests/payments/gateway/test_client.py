import threading

import pytest
import razorpay
import requests

from payments.gateway import deadline
from payments.gateway.client import RazorpayClient, _read_response
from payments.gateway.errors import GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected
from payments.gateway.signatures import is_payment_signature_valid

KEY_SECRET = "sandbox-key-secret"


def test_a_gateway_that_cannot_be_reached_was_sent_nothing(sandbox, settings):
    settings.RAZORPAY_API_BASE_URL = "http://127.0.0.1:9"

    with pytest.raises(GatewayNotSent):
        RazorpayClient().order.create({"amount": 100, "currency": "INR"})


def test_razorpays_own_vector_is_verified(settings):
    settings.RAZORPAY_KEY_SECRET = "EnLs21M47BllR3X8PSFtjtbd"
    signature = "0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f"

    def valid(order_id, payment_id):
        return is_payment_signature_valid(order_id=order_id, payment_id=payment_id, signature=signature)

    assert valid("order_IEIaMR65cu6nz3", "pay_IH4NVgf4Dreq1l")
    assert not valid("pay_IH4NVgf4Dreq1l", "order_IEIaMR65cu6nz3")
    assert not valid("order_IEIaMR65cu6nz4", "pay_IH4NVgf4Dreq1l")


def response_with(status, body):
    response = requests.Response()
    response.status_code, response._content = status, body
    return response


@pytest.mark.parametrize("error", [b'"no"', b"[]", b"{}", b"null", b"5"])
def test_gateway_error_with_an_unexpected_body_is_rejected(error):
    with pytest.raises(GatewayRejected):
        _read_response(response_with(400, b'{"error": ' + error + b"}"))


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"[]"), (200, b"<html>"), (400, b"<html>"), (302, b"{}"), (409, b"{}"), (503, b"{}")]
)
def test_unreadable_gateway_response_is_outcome_unknown(status, body):
    with pytest.raises(GatewayOutcomeUnknown):
        _read_response(response_with(status, body))


@pytest.mark.short_deadline
def test_gateway_call_without_a_free_thread_is_not_sent():
    gate, started = threading.Event(), threading.Semaphore(0)

    def think():
        started.release()
        gate.wait(10)
        return {}

    busy = [deadline._callers.submit(think) for _ in range(deadline.MAX_CONCURRENT_CALLS)]
    for _ in busy:
        started.acquire()
    sent = []
    with pytest.raises(GatewayNotSent):
        deadline.call_within_deadline(lambda: sent.append("sent") or {})
    gate.set()
    for call in busy:
        call.result()

    assert sent == []


@pytest.mark.parametrize("order_id", ["order_1", "order_2"])
@pytest.mark.parametrize("payment_id", ["pay_1", "pay_2"])
def test_signature_check_agrees_with_the_sdk(sandbox, settings, order_id, payment_id):
    settings.RAZORPAY_KEY_SECRET = KEY_SECRET
    shop = razorpay.Client(auth=("rzp_test_sandbox", KEY_SECRET), base_url=sandbox.http_url)
    paid = sandbox.client.pay(shop.order.create({"amount": 500, "currency": "INR"})["id"])
    genuine = {**paid}
    swapped = {**paid, "razorpay_order_id": order_id, "razorpay_payment_id": payment_id}

    for values in (genuine, swapped):
        ours = is_payment_signature_valid(
            order_id=values["razorpay_order_id"],
            payment_id=values["razorpay_payment_id"],
            signature=values["razorpay_signature"],
        )
        assert ours == agrees(shop, values)


def agrees(shop, values):
    try:
        return shop.utility.verify_payment_signature(values)
    except razorpay.errors.SignatureVerificationError:
        return False
