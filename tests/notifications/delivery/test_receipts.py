import pytest
from django.utils import timezone

from notifications.delivery.receipts import apply_receipts
from notifications.models import Notification, Receipt
from tests.builders.notifications import make_notification
from tests.builders.twilio import post_status_callback

pytestmark = pytest.mark.django_db

Status = Notification.Status


@pytest.fixture
def accepted_message():
    return make_notification(status=Status.ACCEPTED, provider_id="SM1")


def status_after(notification, *statuses):
    """Post a status callback for each of ``statuses``, apply the receipts, and return the resulting status."""
    for status in statuses:
        assert post_status_callback(notification, status).status_code == 204
    apply_receipts()
    notification.refresh_from_db()
    return notification.status


def test_delivered_receipt_marks_the_message_delivered(accepted_message):
    assert status_after(accepted_message, "sent", "delivered") == Status.DELIVERED
    assert accepted_message.delivered_at is not None


def test_receipts_out_of_order_never_lower_the_status(accepted_message):
    assert status_after(accepted_message, "read", "delivered", "sent", "undelivered") == Status.READ


def test_receipt_resolves_an_unknown_outcome():
    notification = make_notification(status=Status.UNKNOWN, unknown_since=timezone.now())

    assert status_after(notification, "delivered") == Status.DELIVERED
    assert notification.provider_id == "SM1"


def test_receipt_for_another_message_of_the_provider_changes_nothing(accepted_message, caplog):
    post_status_callback(accepted_message, "delivered", sid="SM2")
    apply_receipts()

    accepted_message.refresh_from_db()
    assert (accepted_message.status, accepted_message.provider_id) == (Status.ACCEPTED, "SM1")
    assert "does not match" in caplog.text


def test_receipts_applied_together_keep_the_time_of_the_first():
    notification = make_notification(status=Status.UNKNOWN, unknown_since=timezone.now())

    assert status_after(notification, "sent", "delivered") == Status.DELIVERED

    first = Receipt.objects.order_by("pk").first()
    assert notification.accepted_at == first.received_at


def test_undelivered_receipt_records_the_error_code(accepted_message):
    post_status_callback(accepted_message, "undelivered", ErrorCode="30003")
    apply_receipts()

    accepted_message.refresh_from_db()
    assert (accepted_message.status, accepted_message.error_code) == (Status.UNDELIVERED, "30003")
