"""A mail server that is away for hours, and one that closes connections: no message is lost, duplicated or dead."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.delivery.rate_control import prepare_channels
from notifications.models import Notification
from tests.builders.notifications import deliver_all, make_emails
from tests.peers.clock import let_pass
from tests.peers.mails import ids_of
from tests.peers.postfix import running_postfix

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]

Status = Notification.Status
COUNT = 20
STEP = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def channels():
    prepare_channels()


def statuses():
    return Counter(Notification.objects.values_list("status", flat=True))


def deliver_all_waiting(steps=40):
    """Deliver, and let time pass, until no message waits, or ``steps`` are over."""
    for _ in range(steps):
        deliver_all(0.2)
        if Status.QUEUED not in statuses():
            return
        let_pass(STEP)


def test_mail_server_that_is_away_for_six_hours_costs_no_message(settings):
    notifications = make_emails([{"expires_at": None}] * COUNT)
    with running_postfix() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        server.stop()
        for _ in range(timedelta(hours=6) // STEP):
            deliver_all(0.2)
            let_pass(STEP)
        waiting = statuses()
        attempts = set(Notification.objects.values_list("attempts", flat=True))
        server.start()

        deliver_all_waiting()

        assert (waiting, attempts) == ({Status.QUEUED: COUNT}, {0})
        assert statuses() == {Status.ACCEPTED: COUNT}
        assert ids_of(server.wait_for_mails(COUNT)) == sorted(str(notification.pk) for notification in notifications)


def test_mail_server_that_closes_idle_connections_gets_each_message_once(settings):
    # Postfix says 421 and closes; a client that keeps connections sees that only when it sends the next message.
    waves = [timezone.now() + timedelta(seconds=2 * (number % 3)) for number in range(COUNT)]
    with running_postfix(smtpd_timeout="1s") as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        notifications = make_emails([{"due_at": due_at} for due_at in waves])
        deliver_all(6)

        deliver_all_waiting()

        assert statuses() == {Status.ACCEPTED: COUNT}
        assert ids_of(server.wait_for_mails(COUNT)) == sorted(str(notification.pk) for notification in notifications)


def test_mail_server_that_hangs_up_after_an_unknown_user_gets_the_other_messages_once(settings):
    # As Postfix does under stress: after one error it replies 421 to any command, and closes.
    parameters = {
        "smtpd_hard_error_limit": "1",
        "smtpd_recipient_restrictions": "check_recipient_access regexp:{{/^gone/ 550 5.1.1 Unknown user}}",
    }
    addresses = [f"{'gone' if number % 4 == 0 else 'known'}{number}@example.com" for number in range(COUNT)]
    with running_postfix(**parameters) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        notifications = make_emails([{"address": address} for address in addresses])

        deliver_all_waiting()

        known = [notification for notification in notifications if notification.address.startswith("known")]
        assert statuses() == {Status.ACCEPTED: len(known), Status.FAILED: COUNT - len(known)}
        assert ids_of(server.wait_for_mails(len(known))) == sorted(str(notification.pk) for notification in known)
