import uuid
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from twilio.request_validator import RequestValidator

from notifications.delivery.receipts import apply_receipts
from notifications.models import InboundMessage, Notification, Receipt
from notifications.providers.twilio.signature import is_callback_signature_valid
from tests.builders.notifications import make_notification
from tests.builders.twilio import post_status_callback

pytestmark = pytest.mark.django_db

Status = Notification.Status
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def accepted_message():
    return make_notification(status=Status.ACCEPTED, provider_id="SM1")


def test_status_callback_replayed_is_stored_once(accepted_message):
    post_status_callback(accepted_message, "delivered")
    post_status_callback(accepted_message, "delivered")

    assert Receipt.objects.count() == 1


@pytest.mark.parametrize(
    "forgery",
    [
        {"token": "another-token"},
        {"token": ""},
        {"token": "sandbox-key-secret"},
        {"token": "sandbox-webhook-secret"},
        {"host": "http://evil.example"},
    ],
    ids=["another token", "no token", "Razorpay's key", "Razorpay's webhook secret", "another address"],
)
def test_status_callback_with_a_forged_signature_is_refused(accepted_message, forgery):
    assert post_status_callback(accepted_message, "delivered", **forgery).status_code == 403
    assert Receipt.objects.count() == 0


@pytest.mark.parametrize("token", ["", " "], ids=["empty", "blank"])
def test_status_callback_is_not_found_while_twilio_has_no_token(accepted_message, settings, token):
    settings.TWILIO_AUTH_TOKEN = token

    assert post_status_callback(accepted_message, "undelivered", token=token).status_code == 404
    signature = RequestValidator(token).compute_signature("http://testserver/", {})
    assert not is_callback_signature_valid(full_path="/", fields={}, signature=signature)
    assert Receipt.objects.count() == 0


def test_status_callback_with_altered_fields_is_refused(accepted_message):
    path = f"/notifications/twilio/status/{accepted_message.pk}/{uuid.UUID(int=1)}"
    signature = RequestValidator("sandbox-auth-token").compute_signature(
        f"http://testserver{path}", {"MessageSid": "SM1", "MessageStatus": "undelivered"}
    )
    altered_fields = {"MessageSid": "SM1", "MessageStatus": "delivered"}

    assert Client().post(path, altered_fields, headers={"X-Twilio-Signature": signature}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_status_callback_for_an_unknown_message_is_dropped():
    missing_message = Notification(pk=uuid.uuid4())

    assert post_status_callback(missing_message, "delivered").status_code == 204
    assert Receipt.objects.count() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"MessageStatus": ""},
        {"MessageStatus": "d" * 5_000, "MessageSid": "S" * 5_000, "ErrorCode": "9" * 5_000},
        {"MessageStatus": "delivered\0", "MessageSid": "\0", "\0": "\0"},
        {"MessageStatus": "\u202edelivered", "MessageSid": "😀", "ErrorCode": "-1"},
        {"MessageStatus": ["delivered", "failed"], "MessageSid": ["SM1", "SM2"]},
        {"MessageStatus": "delivered", **{f"field-{number}": "x" for number in range(900)}},
    ],
)
def test_signed_callback_with_odd_content_is_stored(accepted_message, fields):
    status_path = f"/notifications/twilio/status/{accepted_message.pk}/{uuid.UUID(int=1)}"

    statuses = [post_signed(path, fields).status_code for path in (status_path, "/notifications/twilio/inbound")]

    assert statuses == [204, 200]
    assert (Receipt.objects.count(), InboundMessage.objects.count()) == (1, 1)
    assert apply_receipts() == 1


@pytest.mark.parametrize("header", [{"Content-Encoding": "gzip"}, {"Content-Type": f"{FORM}; charset=utf8"}])
def test_signed_callback_with_an_unexpected_header_is_stored(accepted_message, header):
    status_path = f"/notifications/twilio/status/{accepted_message.pk}/{uuid.UUID(int=1)}"
    paths = (status_path, "/notifications/twilio/inbound")

    statuses = [post_signed(path, {"MessageStatus": "delivered"}, **header).status_code for path in paths]

    assert statuses == [204, 200]
    assert (Receipt.objects.count(), InboundMessage.objects.count()) == (1, 1)


def post_signed(path, fields, **headers):
    body = urlencode(fields, doseq=True)
    signature = RequestValidator("sandbox-auth-token").compute_signature(f"http://testserver{path}", QueryDict(body))
    return Client(headers={"X-Twilio-Signature": signature, **headers}).post(path, body, content_type=FORM)
