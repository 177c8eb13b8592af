from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.models import Notification
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def test_expired_message_is_not_sent(sandbox):
    notification = make_notification(expires_at=timezone.now() - timedelta(seconds=1))

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.EXPIRED, 0)
