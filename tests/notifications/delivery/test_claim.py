import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.drain import Drain
from notifications.delivery.leases import take_back_expired_leases
from notifications.delivery.record import record_hand_overs
from notifications.delivery.send_attempt import deliver
from notifications.models import Attempt, Notification
from notifications.providers.base import (
    ChannelBroken,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
    ProviderRejected,
    RecipientOptedOut,
    RecipientUnreachable,
)
from notifications.providers.twilio.send import classify_refusal
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def expire_lease():
    Notification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_an_email_whose_handover_had_not_begun_is_queued_again():
    notification = make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="dead")
    expire_lease()

    take_back_expired_leases()
    too_late = record_hand_overs([message.attempt_id])

    notification.refresh_from_db()
    assert (notification.status, too_late) == (Status.QUEUED, set())


def test_an_email_whose_handover_had_begun_is_unknown():
    notification = make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="dead")
    allowed = record_hand_overs([message.attempt_id])
    expire_lease()

    take_back_expired_leases()

    notification.refresh_from_db()
    assert (allowed, notification.status) == ({message.attempt_id}, Status.UNKNOWN)


def test_the_handover_of_every_email_is_written_before_its_text_is_sent(sandbox):
    make_notification(channel="email")

    deliver_all(0.4)

    assert Attempt.objects.get().phase == "handover"


def test_an_email_that_may_not_be_handed_over_is_not_sent(sandbox):
    make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")
    before = len(sandbox.client.accepted())

    outcome = deliver(message, may_hand_over=lambda: False)

    assert (outcome.status, len(sandbox.client.accepted()) - before) == (Status.QUEUED, 0)


def test_a_sender_whose_lease_was_taken_while_it_connected_sends_nothing(sandbox):
    notification = make_notification(channel="email")
    drain = Drain(0, start_next=lambda _: None)
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="slow")
    Notification.objects.update(status=Status.QUEUED, lease_token=None, lease_until=None)
    before = len(sandbox.client.accepted())

    sender = threading.Thread(target=drain._send, args=(message,))
    sender.start()
    while sender.is_alive():
        drain._record()

    notification.refresh_from_db()
    assert (notification.status, len(sandbox.client.accepted()) - before) == (Status.QUEUED, 0)


def test_tries_are_numbered_even_if_they_do_not_count(sandbox):
    make_notification()
    sandbox.client.set(throttle=1)
    for _ in range(2):
        deliver_all(0.3)
        Notification.objects.update(due_at=timezone.now())

    assert (list(Attempt.objects.values_list("number", flat=True)), Notification.objects.get().attempts) == ([1, 2], 0)


def test_a_worker_that_is_stopping_claims_nothing_new(sandbox, settings, tmp_path):
    settings.STOP_FILE = str(tmp_path / "stop")
    notification = make_notification()
    (tmp_path / "stop").touch()

    deliver_all(5)

    notification.refresh_from_db()
    assert notification.status == Status.QUEUED


def test_a_slice_that_is_stopped_finishes_what_is_in_flight(sandbox, settings, tmp_path):
    settings.STOP_FILE = str(tmp_path / "stop")
    sandbox.client.set(message_seconds_min=1, message_seconds_max=1)
    notification = make_notification()
    timer = threading.Timer(0.5, (tmp_path / "stop").touch)
    timer.start()

    deliver_all(60)
    timer.join()

    notification.refresh_from_db()
    assert notification.status == Status.ACCEPTED


@pytest.mark.parametrize(
    ("http_status", "code", "verdict"),
    [
        (400, "21211", RecipientUnreachable),
        (400, "21610", RecipientOptedOut),
        (400, "21617", ProviderRejected),
        (400, "99999", ProviderRejected),
        (400, "21611", ProviderRateLimited),
        (429, "", ProviderRateLimited),
        (429, "20429", ProviderRateLimited),
        (401, "20003", ChannelBroken),
        (403, "", ChannelBroken),
        (500, "20500", ProviderOutcomeUnknown),
        (503, "21211", ProviderOutcomeUnknown),
        (302, "", ProviderOutcomeUnknown),
    ],
)
def test_classify_refusal_by_code_and_status(http_status, code, verdict):
    assert classify_refusal(http_status=http_status, code=code) is verdict
