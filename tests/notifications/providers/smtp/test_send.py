import pytest
from django.utils import timezone

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.send_attempt import deliver
from notifications.models import Notification
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def test_send_email_without_permission_to_hand_over_sends_nothing(sandbox):
    make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")
    count_before = len(sandbox.client.accepted())

    outcome = deliver(message, may_hand_over=lambda: False)

    assert (outcome.status, len(sandbox.client.accepted()) - count_before) == (Status.QUEUED, 0)


def test_send_email_is_accepted_with_any_reply_to_quit(sandbox):
    notification = make_notification(channel="email")
    log_length = len(sandbox.client.log())
    sandbox.client.set(smtp_quit_421=1)

    for _ in range(2):
        Notification.objects.update(due_at=timezone.now())
        deliver_all()

    notification.refresh_from_db()
    assert notification.status == Status.ACCEPTED
    assert len(sandbox.client.log(log_length, kind="email.accepted")) == 1


@pytest.mark.slow
def test_send_email_outcome_is_unknown_without_a_reply_after_the_text(sandbox):
    notification = make_notification(channel="email")
    sandbox.client.set(smtp_drop_after=1)

    deliver_all(1.0)

    notification.refresh_from_db()
    assert notification.status == Status.UNKNOWN
