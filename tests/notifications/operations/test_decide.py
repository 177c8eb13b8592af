from functools import partial

import pytest
from django.utils import timezone

from notifications.models import Notification
from notifications.operations.decide import Decision, decide_on_held
from tests.builders.bookings import DESK
from tests.builders.notifications import make_notification
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

Status = Notification.Status


@pytest.mark.parametrize(
    ("decision", "status", "reason"),
    [
        (Decision.SEND_AGAIN, Status.QUEUED, "send again"),
        (Decision.ARRIVED, Status.DELIVERED, "mark as delivered"),
        (Decision.LEAVE, Status.CANCELLED, "do not send again"),
    ],
)
def test_decide_on_held_sets_the_status_and_records_who_decided(decision, status, reason):
    notification = make_notification(status=Status.HELD, unknown_since=timezone.now())

    is_done = decide_on_held(notification_id=notification.pk, decision=decision, actor=DESK)

    notification.refresh_from_db()
    assert (is_done, notification.status) == (True, status)
    assert notification.error == f"{DESK} decided: {reason}."


@pytest.mark.parametrize("second_decision", Decision)
def test_decide_on_held_again_changes_nothing(second_decision):
    notification = make_notification(status=Status.HELD, unknown_since=timezone.now())
    decide_on_held(notification_id=notification.pk, decision=Decision.SEND_AGAIN, actor=DESK)

    is_done = decide_on_held(notification_id=notification.pk, decision=second_decision, actor=DESK)

    notification.refresh_from_db()
    assert (is_done, notification.status) == (False, Status.QUEUED)


@pytest.mark.parametrize("status", [Status.QUEUED, Status.ACCEPTED, Status.DELIVERED])
def test_decide_on_held_changes_nothing_unless_the_message_is_on_hold(status):
    notification = make_notification(status=status)

    is_done = decide_on_held(notification_id=notification.pk, decision=Decision.LEAVE, actor=DESK)

    notification.refresh_from_db()
    assert (is_done, notification.status) == (False, status)


@pytest.mark.django_db(transaction=True)
def test_only_one_of_concurrent_decisions_is_carried_out():
    notification = make_notification(status=Status.HELD, unknown_since=timezone.now())
    results = []

    def decide(decision):
        results.append(decide_on_held(notification_id=notification.pk, decision=decision, actor=DESK))

    errors = run_concurrently([partial(decide, decision) for decision in [Decision.SEND_AGAIN, Decision.LEAVE] * 8])

    assert errors == []
    assert sum(results) == 1
