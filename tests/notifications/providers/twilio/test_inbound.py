import uuid

import pytest
from django.test import Client
from django.utils import timezone
from twilio.request_validator import RequestValidator

from notifications.delivery.receipts import apply_receipts
from notifications.models import Attempt, InboundMessage, Notification, Suppression
from notifications.operations.suppressions import suppress
from tests.builders.notifications import deliver_all, make_notification
from tests.builders.twilio import post_status_callback
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status
PHONE = "+919812340003"
INBOUND = "/notifications/twilio/inbound"


def receive(body, *, sender=PHONE, sid=None, token="sandbox-auth-token", **extra):
    sid = sid if sid is not None else f"SM{uuid.uuid4().hex}"
    fields = {"MessageSid": sid, "From": sender, "To": "+15005550006", "Body": body, **extra}
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


def test_inbound_text_is_stored_without_invisible_characters():
    receive("On my\u200b way\u202e\r\nsoon\x07")

    assert InboundMessage.objects.get().body == "On my way\nsoon"


def test_inbound_stop_replayed_after_a_start_suppresses_nothing():
    receive("STOP", sid="SM1")
    receive("START")

    receive("STOP", sid="SM1")

    assert Suppression.objects.count() == 0


def test_inbound_stop_with_a_forged_signature_is_refused():
    assert receive("STOP", token="another-token").status_code == 403
    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        *["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"],
        *[
            "stop",
            "sToP",
            " stop ",
            "Stop.",
            "STOP!",
            "\nstop\n",
            "“Stop”",
            "stop\u200b",
            "ＳＴＯＰ",
            "S\u0000TOP",
            "STOP \U0001f6d1",
        ],
        *["Stop all", "stop-all", "opt out", "Opt-Out.", "OPT OUT!"],
    ],
)
def test_inbound_stop_in_any_form_suppresses_an_unknown_number(body):
    assert receive(body).status_code == 200
    assert list(Suppression.objects.values_list("channel", "address", "reason")) == [("sms", PHONE, "opted_out")]


@pytest.mark.parametrize("body", ["START", "start", " Yes ", "unstop"])
def test_inbound_start_lifts_an_opt_out(body):
    receive("STOP")

    receive(body)

    assert Suppression.objects.count() == 0


@pytest.mark.parametrize(
    "body", ["Yes!", "start?", "Start over", "HELP", "INFO", "Please stop by at ten", "", "👍", "START\u200b"]
)
def test_inbound_text_that_twilio_does_not_treat_as_start_lifts_nothing(body):
    receive("STOP")

    receive(body)

    assert Suppression.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "opt_out_type", "is_suppressed"),
    [
        ("INICIAR", "START", False),
        ("PARAR", "STOP", True),
        ("AYUDA", "HELP", True),  # changes nothing
        ("START", "HELP", True),
        ("START", "STOP", True),
        ("STOP", "START", False),
        ("iniciar", "start", False),
        ("START", "", False),
        ("START", "SOMETHING_NEW", False),
    ],
)
def test_opt_out_type_decides_after_a_stop(body, opt_out_type, is_suppressed):
    receive("STOP")

    receive(body, OptOutType=opt_out_type)

    assert Suppression.objects.exists() == is_suppressed


@pytest.mark.parametrize(
    ("body", "opt_out_type", "is_suppressed"),
    [("PARAR", "STOP", True), ("AYUDA", "HELP", False), ("STOP", "HELP", False), ("STOP", "SOMETHING_NEW", True)],
)
def test_opt_out_type_decides_about_a_first_reply(body, opt_out_type, is_suppressed):
    receive(body, OptOutType=opt_out_type)

    assert Suppression.objects.exists() == is_suppressed


def test_opt_out_type_is_covered_by_the_signature():
    receive("STOP")
    fields = {"MessageSid": "SM1", "From": PHONE, "To": "+15005550006", "Body": "Hello"}
    signature = RequestValidator("sandbox-auth-token").compute_signature(f"http://testserver{INBOUND}", fields)

    response = Client().post(INBOUND, {**fields, "OptOutType": "START"}, headers={"X-Twilio-Signature": signature})

    assert (response.status_code, Suppression.objects.count()) == (403, 1)


@pytest.mark.parametrize("body", ["Start", "Hello", "Help"])
def test_any_inbound_message_proves_that_its_number_can_be_reached(body):
    suppress(channel="sms", address=PHONE, reason=Suppression.Reason.UNREACHABLE, source="30005")

    receive(body)

    assert not Suppression.objects.exists()


def test_inbound_stop_replaces_the_suppression_of_an_unreachable_number():
    suppress(channel="sms", address=PHONE, reason=Suppression.Reason.UNREACHABLE, source="30005")

    receive("Stop")

    assert [row.reason for row in Suppression.objects.all()] == ["opted_out"]


@pytest.mark.parametrize(
    ("reply", "error_code", "is_suppressed"),
    [("Start", "21610", False), ("Hello", "21610", True), ("Start", "30005", False), ("Hello", "30005", False)],
)
def test_reply_refutes_an_earlier_receipt_of_reach_and_only_start_one_of_an_opt_out(reply, error_code, is_suppressed):
    notification = make_notification(status=Status.ACCEPTED, provider_id="SM1", address=PHONE)
    attempt = Attempt.objects.create(
        id=uuid.uuid4(), notification=notification, address=PHONE, number=1, worker="w", started_at=timezone.now()
    )
    post_status_callback(notification, "undelivered", attempt_id=attempt.pk, ErrorCode=error_code)
    receive(reply)

    apply_receipts()

    assert Suppression.objects.exists() is is_suppressed


def test_inbound_stop_delivered_twice_is_stored_and_applied_once():
    receive("STOP", sid="SM1")
    receive("STOP", sid="SM1")

    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (1, 1)


def test_inbound_stop_without_a_message_sid_is_applied_each_time():
    receive("Hello", sid="")
    receive("STOP", sid="")
    receive("START", sid="")

    receive("STOP", sid="")

    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (4, 1)


def test_inbound_stop_that_arrives_after_a_later_start_is_applied():
    """Twilio's requests carry no time, so replies that overtake each other are applied as they arrive."""
    receive("START")

    receive("STOP")

    assert Suppression.objects.count() == 1


@pytest.mark.parametrize("attempt", range(5))
def test_inbound_stop_concurrent_with_its_repeat_and_a_start_is_stored_once(attempt):
    stop_once, stop_again = lambda: receive("STOP", sid="SM1"), lambda: receive("STOP", sid="SM1")

    errors = run_concurrently([stop_once, stop_again, lambda: receive("START", sid="SM2")])

    assert errors == []
    assert sorted(InboundMessage.objects.values_list("provider_id", flat=True)) == ["SM1", "SM2"]
    receive("STOP", sid="SM3")
    assert Suppression.objects.count() == 1


def test_inbound_rcs_reply_counts_as_sms():
    receive("STOP", sender=f"rcs:{PHONE}")

    assert list(Suppression.objects.values_list("channel", "address")) == [("sms", PHONE)]


@pytest.mark.parametrize(
    ("sender", "phone"),
    [
        ("+5215512345678", "+525512345678"),  # Mexico
        ("+5491123456789", "+541123456789"),  # Argentina
        ("+559281723241", "+5592981723241"),  # Brazil
    ],
)
def test_whatsapp_stop_also_suppresses_the_form_in_which_the_number_is_dialled(sender, phone):
    receive("STOP", sender=f"whatsapp:{sender}")
    suppressed = set(Suppression.objects.values_list("channel", "address"))

    receive("START", sender=f"whatsapp:{sender}")

    assert suppressed == {("whatsapp", sender), ("whatsapp", phone)}
    assert Suppression.objects.count() == 0


@pytest.mark.parametrize("sender", ["+525512345678", "+5592981723241", "+541123456789", "+551130001234", PHONE])
def test_whatsapp_stop_suppresses_no_other_form_of_a_number_as_dialled(sender):
    receive("STOP", sender=f"whatsapp:{sender}")

    assert list(Suppression.objects.values_list("channel", "address")) == [("whatsapp", sender)]


def test_messages_after_an_inbound_stop_are_skipped(sandbox):
    receive("STOP")
    notification = make_notification()

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.SKIPPED, 0)
    assert "STOP" in notification.error
