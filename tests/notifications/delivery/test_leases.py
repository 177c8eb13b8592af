from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.leases import take_back_expired_leases
from notifications.delivery.record import record_hand_overs
from notifications.models import Attempt, Notification
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def expire_lease():
    Notification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_email_is_queued_again_if_its_lease_expires_before_the_hand_over():
    notification = make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="dead")
    expire_lease()

    take_back_expired_leases()
    permitted = record_hand_overs([message.attempt_id])

    notification.refresh_from_db()
    assert (notification.status, permitted) == (Status.QUEUED, set())


def test_email_outcome_is_unknown_if_its_lease_expires_after_the_hand_over():
    notification = make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="dead")
    permitted = record_hand_overs([message.attempt_id])
    expire_lease()

    take_back_expired_leases()

    notification.refresh_from_db()
    assert (permitted, notification.status) == ({message.attempt_id}, Status.UNKNOWN)


@pytest.mark.slow
def test_message_with_an_expired_lease_is_unknown_and_not_sent_again(sandbox):
    notification = make_notification()
    (message,) = claim_due_notifications(room=10, in_flight={}, worker="dead")
    Notification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert take_back_expired_leases() == 1
    deliver_all(1.0)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.UNKNOWN, 1)
    assert Attempt.objects.get(pk=message.attempt_id).outcome == "unknown"
    assert not [entry for entry in sandbox.client.accepted() if str(notification.pk) in str(entry)]


@pytest.mark.slow
def test_valid_lease_is_not_taken_back():
    make_notification()
    claim_due_notifications(room=10, in_flight={}, worker="alive")

    assert take_back_expired_leases() == 0


def test_expired_message_is_not_sent(sandbox):
    notification = make_notification(expires_at=timezone.now() - timedelta(seconds=1))

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.EXPIRED, 0)
