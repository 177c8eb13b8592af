import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from twilio.request_validator import RequestValidator

from notifications.delivery.receipts import apply_receipts
from notifications.models import InboundMessage, Notification, Receipt, Suppression
from notifications.operations.suppressions import suppress
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status
PHONE = "+919812340003"
INBOUND = "/notifications/twilio/inbound"


def write_back(body, *, sender=PHONE, sid=None, token="sandbox-auth-token"):
    fields = {"MessageSid": sid or f"SM{uuid.uuid4().hex}", "From": sender, "To": "+15005550006", "Body": body}
    signature = RequestValidator(token).compute_signature(f"http://testserver{INBOUND}", fields)
    return Client().post(INBOUND, fields, headers={"X-Twilio-Signature": signature})


def test_stop_and_start_are_obeyed_on_the_channel_they_came_by():
    write_back(" stop ")
    write_back("STOP", sender=f"whatsapp:{PHONE}")
    stopped = sorted(Suppression.objects.values_list("channel", "address", "reason"))

    response = write_back("Start")

    assert stopped == [("sms", PHONE, "opted_out"), ("whatsapp", PHONE, "opted_out")]
    assert list(Suppression.objects.values_list("channel", flat=True)) == ["whatsapp"]
    assert (response.status_code, response.content) == (200, b"<Response/>")


def test_what_else_people_write_is_kept_and_changes_nothing():
    write_back("Please stop by at ten")

    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (1, 0)


def test_an_old_stop_that_is_replayed_stops_nobody_again():
    write_back("STOP", sid="SM1")
    write_back("START")

    write_back("STOP", sid="SM1")

    assert Suppression.objects.count() == 0


def test_a_forged_stop_stops_nobody():
    assert write_back("STOP", token="somebody-else").status_code == 403
    assert (InboundMessage.objects.count(), Suppression.objects.count()) == (0, 0)


def test_whoever_opted_out_is_not_written_to(sandbox):
    write_back("STOP")
    notification = make_notification()

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.SKIPPED, 0)
    assert "STOP" in notification.error


@pytest.mark.parametrize(
    ("phone", "reason"),
    [("+15005550004", "opted_out"), ("+15005550001", "unreachable"), ("+15005550009", "unreachable")],
)
def test_a_refusal_for_what_the_address_is_is_remembered(sandbox, phone, reason):
    make_notification(address=phone)

    deliver_all(0.4)

    assert list(Suppression.objects.values_list("channel", "address", "reason")) == [("sms", phone, reason)]


def test_a_report_that_a_number_is_dead_is_remembered():
    notification = make_notification(status=Status.ACCEPTED, provider_id="SM1")
    Receipt.objects.create(
        notification=notification,
        attempt_id=uuid.uuid4(),
        provider_id="SM1",
        provider_status="undelivered",
        error_code="30006",
        fields={},
    )

    apply_receipts()

    assert Suppression.objects.get().reason == "unreachable"


def test_somebody_who_opted_out_stays_so_whatever_else_is_learnt():
    for reason in ("opted_out", "unreachable"):
        suppress(channel="sms", address=PHONE, reason=Suppression.Reason(reason), source="test")

    assert Suppression.objects.get().reason == "opted_out"


def test_a_message_of_no_more_use_expires_unsent(sandbox):
    notification = make_notification(expires_at=timezone.now() - timedelta(seconds=1))

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.EXPIRED, 0)
