"""Bursts of mails to real servers with various limits: none is lost, duplicated or unknown."""

import os
from collections import Counter

import pytest

from notifications.models import Notification
from tests.builders.notifications import make_emails
from tests.peers.exim import running_exim
from tests.peers.mails import ids_of
from tests.peers.postfix import LIMITED, running_postfix
from tests.peers.postgrey import running_postgrey
from tests.peers.secured_postfix import running_secured_postfix
from tests.peers.worker import running_worker
from tests.threads import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.django_db(transaction=True), pytest.mark.timeout(900)]

Status = Notification.Status
BURST = int(os.environ.get("PEERS_BURST", "100"))
SECONDS = 600
SERVERS = {
    "strict": {"smtpd_forbid_bare_newline": "reject", "smtpd_forbid_bare_newline_exclusions": ""},
    "without extensions": {"smtpd_discard_ehlo_keywords": "8bitmime, smtputf8, chunking, pipelining, dsn, size"},
}
PER_SECOND = {"anvil_rate_time_unit": "1s", **LIMITED}
# With the words of Postfix's log that show that Daybook reached the limit.
LIMITED_SERVERS = {
    "5 connections": ({"smtpd_client_connection_count_limit": "5", **LIMITED}, "Connection concurrency limit exceeded"),
    "new connections": ({"smtpd_client_connection_rate_limit": "10", **PER_SECOND}, "Connection rate limit exceeded"),
    "messages": (
        {"smtpd_client_message_rate_limit": f"{BURST // 10}", **PER_SECOND},
        "Message delivery request rate limit exceeded",
    ),
}


@pytest.mark.parametrize("parameters", SERVERS.values(), ids=SERVERS)
def test_burst_to_postfix_is_delivered_once(parameters):
    with running_postfix(**parameters) as server:
        assert_burst_is_delivered_once(server, EMAIL_URL=f"smtp://127.0.0.1:{server.port}")


@pytest.mark.parametrize(("parameters", "refusal"), LIMITED_SERVERS.values(), ids=LIMITED_SERVERS)
def test_burst_above_a_limit_of_postfix_is_delivered_once(parameters, refusal):
    with running_postfix(**parameters) as server:
        assert_burst_is_delivered_once(server, EMAIL_URL=f"smtp://127.0.0.1:{server.port}")

        assert refusal in server.log()


def test_burst_over_starttls_with_password_is_delivered_once():
    with running_secured_postfix() as secured:
        environment = {"EMAIL_URL": secured.email_url, "EMAIL_CA_FILE": secured.certificate}
        assert_burst_is_delivered_once(secured.server, **environment)


def test_burst_to_a_server_with_greylisting_is_delivered_once():
    with running_postgrey() as greylisting, running_postfix(**greylisting) as server:
        assert_burst_is_delivered_once(server, EMAIL_URL=f"smtp://127.0.0.1:{server.port}")

        assert server.log().count("Greylisted") >= BURST


@pytest.mark.parametrize("limit", [1, 10])
def test_burst_to_a_server_that_takes_few_messages_per_connection_is_delivered_once(limit):
    with running_exim(smtp_accept_max_per_connection=str(limit)) as server:
        assert_burst_is_delivered_once(server, EMAIL_URL=f"smtp://127.0.0.1:{server.port}")


def test_messages_above_the_limit_of_a_server_wait_with_the_reason():
    allowed = 10
    limits = {"smtpd_client_message_rate_limit": str(allowed), "anvil_rate_time_unit": "1h", **LIMITED}
    with running_postfix(**limits) as server:
        make_emails([{}] * BURST)
        accepted = Notification.objects.filter(status=Status.ACCEPTED)
        slowed = Notification.objects.filter(status=Status.QUEUED, error__contains="too much mail")

        with running_worker({"EMAIL_URL": f"smtp://127.0.0.1:{server.port}"}):
            wait_until(lambda: accepted.count() == allowed and slowed.exists(), 60)

        waiting = Notification.objects.exclude(pk__in=accepted)
        reasons = set(waiting.values_list("error", flat=True)) - {""}  # a message that was not tried yet has none
        assert Counter(waiting.values_list("status", "attempts")) == {(Status.QUEUED, 0): BURST - allowed}
        assert all("450 4.7.1 Error: too much mail" in reason for reason in reasons)
        assert ids_of(server.mails()) == sorted(str(pk) for pk in accepted.values_list("pk", flat=True))


def assert_burst_is_delivered_once(server, **environment):
    notifications = make_emails([{}] * BURST)
    pending = Notification.objects.filter(status__in=[Status.QUEUED, Status.SENDING, Status.UNKNOWN])

    with running_worker(environment):
        wait_until(lambda: not pending.exists(), SECONDS)

    assert Counter(Notification.objects.values_list("status", "error")) == {(Status.ACCEPTED, ""): BURST}
    wait_until(lambda: len(server.mails()) >= BURST, SECONDS)
    assert ids_of(server.mails()) == sorted(str(notification.pk) for notification in notifications)
