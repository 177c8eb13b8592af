import hashlib
import hmac

import pytest
import razorpay

from payments.gateway.signatures import is_payment_signature_valid, is_webhook_signature_valid

KEY_SECRET = "sandbox-key-secret"


def test_payment_signature_of_razorpays_example_is_valid(settings):
    settings.RAZORPAY_KEY_SECRET = "EnLs21M47BllR3X8PSFtjtbd"
    signature = "0d4e745a1838664ad6c9c9902212a32d627d68e917290b0ad5f08ff4561bc50f"  # pragma: allowlist secret

    def is_valid(order_id, payment_id):
        return is_payment_signature_valid(order_id=order_id, payment_id=payment_id, signature=signature)

    assert is_valid("order_IEIaMR65cu6nz3", "pay_IH4NVgf4Dreq1l")
    assert not is_valid("pay_IH4NVgf4Dreq1l", "order_IEIaMR65cu6nz3")
    assert not is_valid("order_IEIaMR65cu6nz4", "pay_IH4NVgf4Dreq1l")


def test_webhook_signature_of_razorpays_example_is_valid(settings):
    settings.RAZORPAY_WEBHOOK_SECRETS = ["123456"]
    body = b'{"a":1,"b":2,"c":{"d":3}}'
    signature = "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc"  # pragma: allowlist secret
    sdk = razorpay.Client(auth=("key", "secret")).utility

    assert is_webhook_signature_valid(body, signature)
    assert sdk.verify_webhook_signature(body.decode(), signature, "123456")
    for altered in (signature[::-1], signature[:-1], signature.upper()):
        assert not is_webhook_signature_valid(body, altered)
        with pytest.raises(razorpay.errors.SignatureVerificationError):
            sdk.verify_webhook_signature(body.decode(), altered, "123456")


@pytest.mark.parametrize("blank", ["", " "])
def test_payment_signed_with_a_blank_secret_is_invalid(settings, blank):
    settings.RAZORPAY_KEY_SECRET = blank
    signature = hmac.new(blank.encode(), b"order_1|pay_1", hashlib.sha256).hexdigest()

    assert not is_payment_signature_valid(order_id="order_1", payment_id="pay_1", signature=signature)


@pytest.mark.parametrize("order_id", ["order_1", "order_2"])
@pytest.mark.parametrize("payment_id", ["pay_1", "pay_2"])
def test_payment_signature_check_agrees_with_the_sdk(sandbox, settings, order_id, payment_id):
    settings.RAZORPAY_KEY_SECRET = KEY_SECRET
    client = razorpay.Client(auth=("rzp_test_sandbox", KEY_SECRET), base_url=sandbox.http_url)
    checkout_response = sandbox.client.pay(client.order.create({"amount": 500, "currency": "INR"})["id"])
    altered_response = {**checkout_response, "razorpay_order_id": order_id, "razorpay_payment_id": payment_id}

    for values in (checkout_response, altered_response):
        is_valid = is_payment_signature_valid(
            order_id=values["razorpay_order_id"],
            payment_id=values["razorpay_payment_id"],
            signature=values["razorpay_signature"],
        )
        assert is_valid == is_valid_for_sdk(client, values)


def is_valid_for_sdk(client, values):
    try:
        return client.utility.verify_payment_signature(values)
    except razorpay.errors.SignatureVerificationError:
        return False
