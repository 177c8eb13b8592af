import uuid

import pytest
from django.test import Client
from django.utils import timezone
from twilio.request_validator import RequestValidator

from notifications.delivery.receipts import apply_receipts
from notifications.models import Notification, Receipt
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db

Status = Notification.Status


def report(notification, status, *, sid="SM1", token="sandbox-auth-token", host="http://testserver", **extra):
    """Post what Twilio would, signed with ``token`` for the public address ``host``."""
    path = f"/notifications/twilio/status/{notification.pk}/{uuid.UUID(int=1)}"
    fields = {"MessageSid": sid, "MessageStatus": status, "AccountSid": "AC0", **extra}
    signature = RequestValidator(token).compute_signature(f"{host}{path}", fields)
    return Client().post(path, fields, headers={"X-Twilio-Signature": signature})


def status_after(notification, *statuses):
    for status in statuses:
        assert report(notification, status).status_code == 204
    apply_receipts()
    notification.refresh_from_db()
    return notification.status


@pytest.fixture
def accepted():
    return make_notification(status=Status.ACCEPTED, provider_id="SM1")


def test_a_delivery_report_marks_the_message_delivered(accepted):
    assert status_after(accepted, "sent", "delivered") == Status.DELIVERED
    assert accepted.delivered_at is not None


def test_reports_in_the_wrong_order_only_move_forward(accepted):
    assert status_after(accepted, "read", "delivered", "sent", "undelivered") == Status.READ


def test_a_repeated_report_is_kept_once(accepted):
    report(accepted, "delivered")
    report(accepted, "delivered")

    assert Receipt.objects.count() == 1


def test_a_report_resolves_what_was_unknown():
    notification = make_notification(status=Status.UNKNOWN, unknown_since=timezone.now())

    assert status_after(notification, "delivered") == Status.DELIVERED
    assert notification.provider_id == "SM1"


def test_an_undelivered_message_says_so_with_the_code(accepted):
    report(accepted, "undelivered", ErrorCode="30003")
    apply_receipts()

    accepted.refresh_from_db()
    assert (accepted.status, accepted.error_code) == (Status.UNDELIVERED, "30003")


def test_a_word_that_twilio_never_used_before_changes_nothing(accepted):
    assert status_after(accepted, "teleported") == Status.ACCEPTED


@pytest.mark.parametrize(
    "forgery",
    [{"token": "someone-else"}, {"host": "http://evil.example"}],
    ids=["another token", "another address"],
)
def test_a_forged_report_is_refused_and_kept_nowhere(accepted, forgery):
    assert report(accepted, "delivered", **forgery).status_code == 403
    assert Receipt.objects.count() == 0


def test_an_altered_report_is_refused(accepted):
    path = f"/notifications/twilio/status/{accepted.pk}/{uuid.UUID(int=1)}"
    signature = RequestValidator("sandbox-auth-token").compute_signature(
        f"http://testserver{path}", {"MessageSid": "SM1", "MessageStatus": "undelivered"}
    )
    altered = {"MessageSid": "SM1", "MessageStatus": "delivered"}

    assert Client().post(path, altered, headers={"X-Twilio-Signature": signature}).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_status_callback_of_an_unknown_message_is_dropped():
    unknown_caller = Notification(pk=uuid.uuid4())

    assert report(unknown_caller, "delivered").status_code == 204
    assert Receipt.objects.count() == 0
