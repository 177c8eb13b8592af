import uuid

import pytest
from django.test import Client
from twilio.request_validator import RequestValidator

from notifications.models import InboundMessage, Notification, Suppression
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status
PHONE = "+919812340003"
INBOUND = "/notifications/twilio/inbound"


def receive(body, *, sender=PHONE, sid=None, token="sandbox-auth-token"):
    fields = {"MessageSid": sid or f"SM{uuid.uuid4().hex}", "From": sender, "To": "+15005550006", "Body": body}
    signature = RequestValidator(token).compute_signature(f"http://testserver{INBOUND}", fields)
    return Client().post(INBOUND, fields, headers={"X-Twilio-Signature": signature})


def test_inbound_stop_and_start_apply_to_the_channel_of_the_reply():
    receive(" stop ")
    receive("STOP", sender=f"whatsapp:{PHONE}")
    suppressions = sorted(Suppression.objects.values_list("channel", "address", "reason"))

    response = receive("Start")

    assert suppressions == [("sms", PHONE, "opted_out"), ("whatsapp", PHONE, "opted_out")]
    assert list(Suppression.objects.values_list("channel", flat=True)) == ["whatsapp"]
    assert (response.status_code, response.content) == (200, b"<Response/>")


@pytest.mark.parametrize("token", ["", " "], ids=["empty", "blank"])
def test_inbound_message_is_not_found_while_twilio_has_no_token(settings, token):
    settings.TWILIO_AUTH_TOKEN = token

    assert receive("STOP", token=token).status_code == 404
    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (0, 0)


@pytest.mark.parametrize("token", ["", "sandbox-key-secret", "sandbox-webhook-secret"])
def test_inbound_message_signed_with_another_key_is_refused(token):
    assert receive("STOP", token=token).status_code == 403
    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (0, 0)


def test_inbound_message_without_a_keyword_is_stored_and_suppresses_nothing():
    receive("Please stop by at ten")

    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (1, 0)


def test_inbound_stop_replayed_after_a_start_suppresses_nothing():
    receive("STOP", sid="SM1")
    receive("START")

    receive("STOP", sid="SM1")

    assert Suppression.objects.count() == 0


def test_inbound_stop_with_a_forged_signature_is_refused():
    assert receive("STOP", token="another-token").status_code == 403
    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (0, 0)


def test_messages_after_an_inbound_stop_are_skipped(sandbox):
    receive("STOP")
    notification = make_notification()

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.SKIPPED, 0)
    assert "STOP" in notification.error
