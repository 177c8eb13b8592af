import gzip
import json

import pytest
from django.utils import timezone

from foundation.background_tasks import run_due_tasks
from foundation.events import Actor, ActorKind
from payments.gateway.webhook_body import unpack_unreadable
from payments.models import GatewayEvent
from payments.operations.reconciliation import ReconciliationAction, perform_reconciliation_action
from payments.reconciliation import list_reconciliation_items
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


UNREADABLE_BODIES = {
    "empty": b"",
    "no JSON": b"payment.captured",
    "cut off": b'{"event": "payment.captured", "payload": {',
    "not UTF-8": b'{"event": "\xff\xfe"}',
    "compressed": gzip.compress(b'{"event": "payment.captured"}', mtime=0),
    "long number": b'{"event": "payment.captured", "created_at": ' + b"9" * 5_000 + b"}",
    "not a number": b'{"event": "payment.captured", "created_at": NaN}',
    "infinite number": b'{"event": "payment.captured", "created_at": 1e999}',
    "deep nesting": b'{"event": "payment.captured", "payload": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "list": b'["payment.captured"]',
    "null": b"null",
    "no event": b'{"payload": {}}',
    "event without a name": b'{"event": {"name": "payment.captured"}}',
}


@pytest.mark.parametrize("body", UNREADABLE_BODIES.values(), ids=UNREADABLE_BODIES)
def test_signed_body_that_cannot_be_read_is_stored_and_listed(sandbox, body):
    response = post_webhook(body, event_id="")

    event = GatewayEvent.objects.get()
    assert response.status_code == 200
    assert unpack_unreadable(event.body) == body
    assert event.error
    assert [item.cause for item in list_reconciliation_items()] == [event.error]


@pytest.mark.parametrize("header", [{"Content-Encoding": "gzip"}, {"Content-Type": "text/plain; charset=utf-16"}])
def test_signed_body_with_an_unexpected_header_is_stored(sandbox, header):
    body = webhook_event("payment.captured", payment=payment_entity(checkout()))

    assert post_webhook(body, **header).status_code == 200
    assert GatewayEvent.objects.get().kind == "payment.captured"


def test_unreadable_event_that_is_processed_again_stays_listed(sandbox):
    post_webhook(b"nonsense")
    event = GatewayEvent.objects.get()

    perform_reconciliation_action(
        action=ReconciliationAction.PROCESS_EVENT, key=str(event.pk), actor=Actor(ActorKind.SYSTEM)
    )
    run_due_tasks()

    assert [item.cause for item in list_reconciliation_items()] == [event.error]
    assert GatewayEvent.objects.get().next_try_at is None


def test_unreadable_event_whose_body_was_purged_stays_listed(sandbox):
    post_webhook(b"nonsense")
    GatewayEvent.objects.update(body=None, next_try_at=timezone.now())

    run_due_tasks()

    assert "no longer stored" in GatewayEvent.objects.get().error


@pytest.mark.parametrize("text", ["\\u0000", "\\ud800", "\\\\u0000", "\\udfff\\ud83d"])
def test_event_with_characters_that_cannot_be_stored_is_processed(sandbox, text):
    order_checkout = checkout()
    body = webhook_event("payment.captured", payment=payment_entity(order_checkout, description="TEXT"))

    response = post_webhook(body.replace(b"TEXT", text.encode()))
    run_due_tasks()

    assert (response.status_code, GatewayEvent.objects.get().state) == (200, GatewayEvent.State.DONE)


ODD_VALUES = [None, True, -1, 0, 1.5, 10**30, 2**62, "", "x" * 300, "\u0000", [], {}, [[1]], {"id": 1}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["id", "amount", "currency", "status", "order_id", "method", "fee", "created_at", "amount_refunded", "error_code"],
)
def test_event_with_an_unexpected_value_is_decided(sandbox, name):
    order_checkout = checkout()
    for number, value in enumerate(ODD_VALUES):
        entity = payment_entity(order_checkout, **{name: value})
        post_webhook(webhook_event("payment.captured", payment=entity), event_id=f"evt_{number}")

    run_due_tasks()

    pending = GatewayEvent.objects.filter(state=GatewayEvent.State.RECEIVED)
    assert list(pending.values_list("body__payload__payment__entity", flat=True)) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "payload",
    [
        None,
        1,
        "x",
        [],
        {},
        {"payment": None},
        {"payment": []},
        {"payment": {"entity": []}},
        {"payment": {"entity": {}}},
        {"refund": {"entity": {"id": {}}}},
    ],
)
def test_event_with_an_unexpected_payload_is_decided(sandbox, payload):
    for kind in ("payment.captured", "refund.processed", "order.paid", "payment.dispute.created", "x" * 500, ""):
        post_webhook(json.dumps({"event": kind, "payload": payload}).encode(), event_id=f"evt_{kind[:60]}")

    run_due_tasks()

    assert list(GatewayEvent.objects.filter(state=GatewayEvent.State.RECEIVED)) == []
