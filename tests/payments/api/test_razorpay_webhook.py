import json

import pytest

from payments.models import GatewayEvent
from tests.builders.payments import WEBHOOK_SECRET, checkout, payment_entity, post_webhook, sign_webhook, webhook_event

pytestmark = pytest.mark.django_db(transaction=True)


def test_webhook_without_an_event_id_is_stored_once_per_body(sandbox):
    body = webhook_event("payment.captured", payment=payment_entity(checkout()))

    post_webhook(body, event_id="")
    post_webhook(body, event_id="")

    assert GatewayEvent.objects.count() == 1


@pytest.mark.parametrize(
    "alter",
    [
        lambda body, signature: (body, ""),
        lambda body, signature: (body, signature.upper()),
        lambda body, signature: (body, signature[:-1] + "g"),
        lambda body, signature: (body, sign_webhook(body, "another-secret")),
        lambda body, signature: (body, sign_webhook(body, "")),
        lambda body, signature: (body, sign_webhook(body, "sandbox-key-secret")),
        lambda body, signature: (body, sign_webhook(body, "sandbox-auth-token")),  # Twilio's
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


@pytest.mark.parametrize("blank", ["", " "])
def test_webhook_signed_with_a_blank_secret_is_refused(sandbox, settings, blank):
    settings.RAZORPAY_WEBHOOK_SECRETS = [blank, WEBHOOK_SECRET]
    body = webhook_event("payment.captured", payment=payment_entity(checkout()))

    assert post_webhook(body, sign_webhook(body, blank)).status_code == 400
    assert GatewayEvent.objects.count() == 0


@pytest.mark.parametrize("secrets", [[], [""], [" "]])
def test_webhook_is_not_found_while_there_is_no_secret(sandbox, settings, secrets):
    settings.RAZORPAY_WEBHOOK_SECRETS = secrets
    body = webhook_event("payment.captured", payment=payment_entity(checkout()))

    assert post_webhook(body, sign_webhook(body, "")).status_code == 404
    assert GatewayEvent.objects.count() == 0


def test_webhook_that_is_too_large_is_413(db):
    assert post_webhook(b"x" * (256 * 1024 + 1)).status_code == 413
