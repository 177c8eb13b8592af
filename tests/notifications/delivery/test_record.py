import pytest

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import Notification
from notifications.providers.base import Accepted
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
