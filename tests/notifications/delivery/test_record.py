import pytest
from django.utils import timezone

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.leases import expire_leases
from notifications.delivery.record import record_hand_overs, record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import Notification
from notifications.providers.base import Accepted, ProviderNotSent, ProviderRejected
from tests.builders.notifications import make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


@pytest.mark.slow
def test_record_outcomes_with_an_outdated_lease_token_changes_nothing():
    notification = make_notification()
    (late_message,) = claim_due_notifications(room=10, in_flight={}, worker="late")
    Notification.objects.update(lease_token="00000000-0000-0000-0000-000000000001")

    changed = record_outcomes([Outcome(late_message, Status.ACCEPTED, Accepted("SM1", 201))])

    notification.refresh_from_db()
    assert (changed, notification.status, notification.provider_id) == (0, Status.SENDING, "")


def claim_and_lose_the_lease():
    """Return the message of an attempt whose lease expired and was taken back while its outcome was not recorded."""
    (message,) = claim_due_notifications(room=10, in_flight={}, worker="late")
    record_hand_overs([message.attempt_id])
    expire_leases([message.attempt_id])
    assert Notification.objects.get().status == Status.UNKNOWN
    return message


@pytest.mark.slow
@pytest.mark.parametrize("status", [Status.UNKNOWN, Status.HELD])
@pytest.mark.parametrize(
    "outcome",
    [
        {"status": Status.ACCEPTED, "accepted": Accepted("<1@example.com>")},
        {"status": Status.FAILED, "error": ProviderRejected("No such mailbox.", code="550")},
        {"status": Status.QUEUED, "error": ProviderNotSent("Try later.", code="451"), "retry_in": 60.0},
    ],
    ids=["accepted", "failed", "not sent"],
)
def test_late_outcome_decides_about_a_message_whose_lease_was_taken_back(outcome, status):
    make_notification(channel="email")
    message = claim_and_lose_the_lease()
    Notification.objects.update(status=status)

    record_outcomes([Outcome(message, **outcome)])

    assert Notification.objects.get().status == outcome["status"]


@pytest.mark.slow
def test_late_outcome_does_not_apply_after_another_attempt():
    notification = make_notification(channel="email")
    late_message = claim_and_lose_the_lease()
    Notification.objects.update(status=Status.QUEUED, due_at=timezone.now())
    claim_due_notifications(room=10, in_flight={}, worker="next")
    Notification.objects.update(status=Status.UNKNOWN, unknown_since=timezone.now(), lease_until=None, lease_token=None)

    record_outcomes([Outcome(late_message, Status.FAILED, error=ProviderRejected("No such mailbox."))])

    notification.refresh_from_db()
    assert notification.status == Status.UNKNOWN
