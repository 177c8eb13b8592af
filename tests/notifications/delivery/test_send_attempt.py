from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.channels import CHANNELS
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.send_attempt import MAX_ATTEMPTS, _backoff, deliver
from notifications.models import Attempt, Notification
from tests.builders.notifications import deliver_all, make_notification

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


@pytest.mark.parametrize(
    ("address", "channel", "status", "code"),
    [
        ("+15005550001", "sms", Status.FAILED, "21211"),
        ("+15005550004", "whatsapp", Status.SKIPPED, "21610"),
        ("unknown@bounce.example", "email", Status.FAILED, "550"),
        ("meera@greylist.example", "email", Status.QUEUED, "451"),
    ],
)
def test_refusal_is_final_or_retried_depending_on_its_code(sandbox, address, channel, status, code):
    notification = make_notification(channel=channel, address=address)

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.error_code) == (status, code)
    assert Attempt.objects.filter(notification=notification).first().outcome == status


@pytest.mark.parametrize("fault", ["error_before", "error_after", "reset_after", "html_error"])
def test_outcome_is_unknown_after_an_unclear_provider_response(sandbox, fault):
    notification = make_notification()
    sandbox.client.set(**{fault: 1, "callback_lost": 1})

    deliver_all(1.0)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.UNKNOWN, 1)


def test_provider_rate_limit_does_not_count_as_an_attempt(sandbox):
    notification = make_notification()
    sandbox.client.set(throttle=1)

    deliver_all(0.3)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.QUEUED, 0)
    assert notification.due_at > timezone.now() - timedelta(seconds=1)


def test_message_level_refusal_is_retried_for_days_and_then_dead(sandbox):
    notification = make_notification(channel="email", address="meera@greylist.example")

    deliver_all(0.4)
    notification.refresh_from_db()
    status_after_first_attempt = notification.status
    Notification.objects.update(attempts=MAX_ATTEMPTS - 1, due_at=timezone.now())
    deliver_all(0.4)

    notification.refresh_from_db()
    assert (status_after_first_attempt, notification.status) == (Status.QUEUED, Status.DEAD)


def test_message_level_retries_last_for_three_days_at_least():
    shortest = sum(_backoff(attempts) / 2 for attempts in range(1, MAX_ATTEMPTS))

    assert timedelta(days=3) <= timedelta(seconds=shortest) < timedelta(days=4)


def test_unreachable_provider_costs_no_attempt(settings, sandbox):
    settings.TWILIO_API_BASE_URL = "http://127.0.0.1:9"
    notification = make_notification()

    deliver_all(0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.QUEUED, 0)


@pytest.mark.parametrize(
    ("channel", "is_permitted", "status"),
    [("email", False, Status.QUEUED), ("email", True, Status.UNKNOWN), ("sms", True, Status.UNKNOWN)],
)
def test_unexpected_error_is_unknown_unless_it_comes_before_the_hand_over(monkeypatch, channel, is_permitted, status):
    make_notification(channel=channel)
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")

    def send(message, *, may_hand_over):
        may_hand_over()
        raise ZeroDivisionError

    monkeypatch.setitem(CHANNELS, channel, replace(CHANNELS[channel], send=send))
    outcome = deliver(message, may_hand_over=lambda: is_permitted)

    assert (outcome.status, outcome.counts_as_attempt) == (status, True)


def test_exception_of_the_permission_is_before_the_hand_over(sandbox):
    make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")

    outcome = deliver(message, may_hand_over=lambda: bool(1 / 0))

    assert outcome.status == Status.QUEUED
