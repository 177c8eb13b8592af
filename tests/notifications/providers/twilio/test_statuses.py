import pytest

from notifications.delivery.receipts import apply_receipts
from notifications.models import Notification
from tests.builders.notifications import make_notification
from tests.builders.twilio import post_status_callback

pytestmark = pytest.mark.django_db

Status = Notification.Status


def test_unknown_twilio_status_changes_nothing():
    notification = make_notification(status=Status.ACCEPTED, provider_id="SM1")

    response = post_status_callback(notification, "teleported")
    apply_receipts()

    notification.refresh_from_db()
    assert (response.status_code, notification.status) == (204, Status.ACCEPTED)
