from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from django.db.models import F
from django.utils import timezone

from foundation.invariants import find_violations
from notifications.channels import CHANNELS
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.drain import Drain
from notifications.delivery.pauses import FAILURES_UNTIL_PAUSE
from notifications.delivery.rate_control import prepare_channels
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import MAX_CHANNEL_FAULTS, Outcome, deliver
from notifications.delivery.senders import SENDERS
from notifications.invariants import INVARIANTS
from notifications.models import Attempt, Channel, ChannelState, Notification
from notifications.providers.base import (
    Accepted,
    ChannelBroken,
    ProviderNotSent,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
)
from tests.builders.bookings import CUSTOMER, make_booking, make_service
from tests.builders.notifications import deliver_all
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status
Cause = ChannelState.Cause
UNAVAILABLE = ProviderUnavailable("The mail server could not be reached.")
BROKEN = ChannelBroken("The mail server replied 530 Must issue a STARTTLS command first", code="530")
LIMITED = ProviderRateLimited("The mail server replied 450 4.7.1 too much mail", code="450")


@pytest.fixture
def emails():
    """Three e-mails that are due, oldest first."""
    prepare_channels()
    service = make_service(resources=3)
    for minute in (3, 2, 1):
        booking = make_booking(service)
        Notification.objects.filter(booking=booking).exclude(channel="email").delete()
        Notification.objects.filter(booking=booking).update(due_at=timezone.now() - timedelta(minutes=minute))
    return Notification.objects.order_by("due_at")


def claim(lane=0):
    return claim_due_notifications(room=100, in_flight={}, worker="w", lane=lane)


def fail(messages, error):
    record_outcomes([Outcome(message, Status.QUEUED, error=error) for message in messages])


def accept(messages):
    record_outcomes(
        [Outcome(message, Status.ACCEPTED, Accepted(f"<{message.id}@example.com>")) for message in messages]
    )


def end_backoff():
    ChannelState.objects.update(paused_until=timezone.now() - timedelta(milliseconds=1))


def state_of(channel="email"):
    return ChannelState.objects.get(channel=channel)


def backoff():
    return round((state_of().paused_until - state_of().failed_at).total_seconds())


def test_set_up_fault_pauses_the_channel_and_consumes_nothing(emails, caplog):
    before = list(emails.values_list("pk", "due_at"))

    fail(claim(), BROKEN)

    assert list(emails.values_list("pk", "due_at")) == before
    assert set(emails.values_list("status", "attempts")) == {(Status.QUEUED, 0)}
    state = state_of()
    assert (state.pause_cause, state.pause_reason, backoff()) == (Cause.BROKEN, f"{BROKEN}.", 60)
    assert claim() == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "E-mail is paused: The mail server replied 530" in caplog.text


def test_only_one_probe_over_all_lanes_tests_a_paused_channel(emails):
    fail(claim(), BROKEN)
    end_backoff()
    probes = []

    errors = run_concurrently([lambda lane=lane: probes.extend(claim(lane)) for lane in (0, 1)] * 4)

    assert (errors, len(probes)) == ([], 1)


def test_failed_probe_doubles_the_backoff_up_to_its_maximum(emails, caplog):
    fail(claim(), BROKEN)
    backoffs = [backoff()]
    for _ in range(4):
        end_backoff()
        fail(claim(), BROKEN)
        backoffs.append(backoff())

    assert backoffs == [60, 120, 240, 300, 300]
    assert len(caplog.records) == 1
    assert set(emails.values_list("attempts", flat=True)) == {0}


def test_accepted_probe_resumes_the_channel_in_the_original_order(emails, caplog):
    fail(claim(), BROKEN)
    ChannelState.objects.filter(channel="email").update(paused_since=timezone.now() - timedelta(hours=6))
    end_backoff()

    probe = claim()
    accept(probe)
    rest = claim()

    in_order = [pk for pk in emails.values_list("pk", flat=True) if pk != probe[0].id]
    state = state_of()
    assert [message.id for message in rest] == in_order
    assert (state.paused_since, state.paused_until, state.pause_cause, state.pause_reason) == (None, None, "", "")
    assert caplog.records[-1].getMessage() == "E-mail works again: it was paused for 6:00:00. Messages waiting: 2."
    assert len(caplog.records) == 2


def test_probe_is_not_lost_while_no_message_is_due(emails):
    fail(claim(), BROKEN)
    end_backoff()
    Notification.objects.update(due_at=timezone.now() + timedelta(hours=1))
    no_probe = claim()
    Notification.objects.update(due_at=timezone.now())

    assert (no_probe, len(claim())) == ([], 1)


def test_probe_whose_worker_dies_is_followed_by_another_after_its_lease(emails, settings):
    fail(claim(), BROKEN)
    end_backoff()
    claim()

    seconds = (state_of().paused_until - timezone.now()).total_seconds()
    assert settings.SEND_LEASE_SECONDS - 5 < seconds <= settings.SEND_LEASE_SECONDS


@pytest.mark.parametrize(
    ("error", "status", "resumes"),
    [
        (ProviderRejected("550 5.1.1 no such user", code="550"), Status.FAILED, True),
        (ProviderNotSent("451 4.7.1 greylisted", code="451"), Status.QUEUED, True),
        (ProviderRejected("This address cannot be written to."), Status.FAILED, False),
        (ProviderOutcomeUnknown("The response was lost.", http_status=500), Status.UNKNOWN, False),
    ],
)
def test_probe_resumes_the_channel_if_the_provider_handled_the_message(emails, error, status, resumes):
    fail(claim(), BROKEN)
    end_backoff()
    (probe,) = claim()

    record_outcomes([Outcome(probe, status, error=error, retry_in=60)])

    assert (state_of().paused_since is None) == resumes


def test_outcome_of_an_attempt_that_began_before_the_pause_does_not_resume_the_channel(emails):
    first, second, third = claim()
    fail([first], BROKEN)

    accept([second])
    fail([third], BROKEN)

    assert (state_of().pause_cause, state_of().failures, backoff()) == (Cause.BROKEN, 1, 60)


def test_outage_backs_off_and_pauses_the_channel_after_several_failures_in_a_row(emails, caplog):
    seen = []
    for _ in range(9):
        fail(claim(), UNAVAILABLE)
        seen.append((backoff(), state_of().paused_since is not None))
        end_backoff()

    assert seen == [(1, False), (2, False), *((seconds, True) for seconds in (4, 8, 16, 32, 60, 60, 60))]
    assert set(emails.values_list("status", "attempts")) == {(Status.QUEUED, 0)}
    assert [(record.levelname, record.getMessage()[:50]) for record in caplog.records] == [
        ("WARNING", "E-mail is paused: The mail server could not be rea")
    ]


def test_refused_connection_slows_the_channel_without_pausing_it_while_others_succeed(emails, caplog):
    limits = []
    for _ in range(FAILURES_UNTIL_PAUSE):
        refused, *accepted = claim()
        fail([refused], UNAVAILABLE)
        accept(accepted)
        limits.append(state_of().limit)
        end_backoff()
        ChannelState.objects.update(limit=20)
        Notification.objects.filter(status=Status.ACCEPTED).update(status=Status.QUEUED, provider_id="")

    assert (limits, state_of().failures, state_of().paused_since) == ([1, 1, 1], 0, None)
    assert caplog.records == []


@pytest.mark.slow
def test_unknown_outcomes_in_a_row_pause_the_channel(mail_server, caplog):
    make_emails(100)
    mail_server.error = ProviderOutcomeUnknown("The mail server did not confirm the text.")

    deliver_all(5)

    # The limit of 20 twice, because a single unknown outcome does not lower it, then half of it, and a probe.
    assert 1 < Notification.objects.filter(status=Status.UNKNOWN).count() == mail_server.attempts <= 20 + 20 + 10 + 1
    assert state_of().pause_cause == Cause.UNCONFIRMED
    assert [record.getMessage().split(".")[0] for record in caplog.records if "paused" in record.getMessage()] == [
        "E-mail is paused: The mail server did not confirm the text"
    ]


def test_backoff_after_unknown_outcomes_grows_while_the_channel_is_paused(emails):
    fail(claim(), BROKEN)
    backoffs = []
    for _ in range(3):
        end_backoff()
        (probe,) = claim()
        record_outcomes([Outcome(probe, Status.UNKNOWN, error=ProviderOutcomeUnknown("The response was lost."))])
        backoffs.append(backoff())

    assert backoffs == [1, 2, 4]


def test_unknown_outcome_changes_nothing_while_others_succeed(emails):
    for _ in range(FAILURES_UNTIL_PAUSE + 1):
        lost, *accepted = claim()
        record_outcomes([Outcome(lost, Status.UNKNOWN, error=ProviderOutcomeUnknown("The response was lost."))])
        accept(accepted)
        Notification.objects.update(status=Status.QUEUED, provider_id="", due_at=timezone.now())

    assert (state_of().limit, state_of().paused_since, state_of().paused_until) == (20, None, None)


def test_faults_of_one_round_lower_the_limit_once(emails):
    for message in claim():
        fail([message], LIMITED)

    assert (state_of().limit, state_of().failures, backoff()) == (3 // 2, 1, 1)


@pytest.mark.parametrize(
    ("retry_after", "expected", "paused"), [(7, 7, False), (0.5, 1, False), (600, 600, True), (1e9, 3600, True)]
)
def test_retry_after_of_a_rate_limit_is_respected_by_the_channel(emails, retry_after, expected, paused):
    fail(claim(), ProviderRateLimited("Too many requests", code="20429", http_status=429, retry_after=retry_after))

    assert (backoff(), state_of().paused_since is not None) == (expected, paused)
    assert claim() == []
    assert set(emails.values_list("status", "attempts")) == {(Status.QUEUED, 0)}


def test_change_of_the_cause_is_logged_once(emails, caplog):
    fail(claim(), BROKEN)
    for _ in range(2):
        end_backoff()
        fail(claim(), UNAVAILABLE)

    assert (state_of().pause_cause, backoff()) == (Cause.UNAVAILABLE, 2)
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_message_that_waits_for_a_paused_channel_is_reported_as_overdue(emails):
    invariant = INVARIANTS["Due messages are sent within five minutes"]
    Notification.objects.filter(pk=emails.last().pk).update(due_at=timezone.now() - timedelta(minutes=6))
    fail(claim(), BROKEN)

    assert find_violations(invariant) == [str(emails.first().pk)]


def test_concurrent_faults_pause_the_channel_and_are_logged_once(emails, caplog):
    messages = claim()

    errors = run_concurrently([partial(fail, [message], BROKEN) for message in messages])

    assert errors == []
    assert (state_of().failures, len(caplog.records)) == (1, 1)


class MailServer:
    """A scripted provider port: it refuses with ``error``, if set, or if the message's address is in ``refused``."""

    def __init__(self):
        self.error, self.refused, self.attempts, self.accepted = None, set(), 0, []

    def send(self, message, *, may_hand_over):
        self.attempts += 1
        if self.error:
            raise self.error
        if message.address in self.refused:
            raise ChannelBroken("554 5.7.1 Relay access denied", code="554")
        self.accepted.append(message.address)
        return Accepted(f"<{message.id}@example.com>")


@pytest.fixture
def mail_server(monkeypatch):
    server = MailServer()
    monkeypatch.setitem(CHANNELS, Channel.EMAIL, replace(CHANNELS[Channel.EMAIL], send=server.send))
    return server


def make_emails(count, name=""):
    prepare_channels()
    service = make_service(resources=count, slug=f"service-{name}")
    for number in range(count):
        booking = make_booking(service, customer={**CUSTOMER, "email": f"{name}{number}@example.com"})
        Notification.objects.filter(booking=booking).exclude(channel="email").delete()


def move_into_the_past(period):
    """Move the times of the rows: the database's clock decides."""
    Notification.objects.update(due_at=F("due_at") - period, expires_at=F("expires_at") - period)
    Attempt.objects.update(started_at=F("started_at") - period)
    ChannelState.objects.update(
        **{name: F(name) - period for name in ("paused_until", "paused_since", "failed_at", "slowed_at")}
    )


def send_only(address):
    """Make one message due, and send it."""
    end_backoff()
    Notification.objects.update(due_at=timezone.now() + timedelta(hours=1))
    Notification.objects.filter(address=address).update(status=Status.QUEUED, provider_id="", due_at=timezone.now())
    record_outcomes([deliver(message, may_hand_over=lambda: True) for message in claim()])


def test_message_that_fails_again_each_time_after_the_channel_worked_for_others_uses_up_its_attempts(mail_server):
    make_emails(2)
    mail_server.refused = {"0@example.com"}
    paused = []

    for _ in range(MAX_CHANNEL_FAULTS + 1):
        send_only("0@example.com")
        paused.append(state_of().paused_since is not None)
        send_only("1@example.com")

    refused = Notification.objects.get(address="0@example.com")
    assert paused == [*[True] * MAX_CHANNEL_FAULTS, False]
    assert (refused.status, refused.attempts) == (Status.QUEUED, 1)


@pytest.mark.slow
def test_message_that_the_channel_refuses_on_its_own_does_not_stop_the_others(mail_server):
    make_emails(30)
    mail_server.refused = {"0@example.com", "7@example.com"}

    for count in (28, 29):
        for _ in range(60):
            deliver_all(0.1)
            move_into_the_past(timedelta(minutes=5))
            if len(mail_server.accepted) == count:
                break
        assert len(mail_server.accepted) == len(set(mail_server.accepted)) == count
        make_emails(1, name=f"later-{count}-")

    refused = Notification.objects.filter(address__in=mail_server.refused)
    assert set(refused.values_list("status", flat=True)) == {Status.QUEUED}


@pytest.mark.slow
def test_mail_server_that_is_away_for_six_hours_costs_no_message(mail_server):
    make_emails(10)
    mail_server.error = UNAVAILABLE

    for _ in range(36):  # ten minutes each
        deliver_all(0.1)
        move_into_the_past(timedelta(minutes=10))
    during = set(Notification.objects.values_list("status", "attempts"))
    mail_server.error = None
    deliver_all(2)

    assert during == {(Status.QUEUED, 0)}
    assert set(Notification.objects.values_list("status", "attempts")) == {(Status.ACCEPTED, 1)}
    assert (len(mail_server.accepted), state_of().paused_since) == (10, None)


@pytest.mark.slow
def test_dead_mail_server_is_tried_a_few_times_only(mail_server):
    make_emails(40)
    mail_server.error = UNAVAILABLE

    deliver_all(5)

    # The limit of 20, after a second half of it, after two more half of that; then it is paused.
    assert 1 < mail_server.attempts <= 20 + 10 + 5
    assert set(Notification.objects.values_list("status", "attempts")) == {(Status.QUEUED, 0)}


@pytest.mark.slow
def test_wrong_credentials_are_logged_once_over_two_lanes_and_their_end_once(sandbox, settings, caplog):
    settings.TWILIO_AUTH_TOKEN = "rotated"
    prepare_channels()
    service = make_service(resources=6)
    for _ in range(6):
        make_booking(service)
    Notification.objects.filter(channel="whatsapp").delete()
    drain = partial(Drain, start_next=lambda lane: None, slice_seconds=0.6)

    errors = run_concurrently([drain(0).run, drain(1).run])
    SENDERS.wait()
    paused = [(record.levelname, record.getMessage().split(":")[0]) for record in caplog.records]

    sms_messages = Notification.objects.filter(channel="sms")
    assert errors == []
    assert paused == [("ERROR", "SMS is paused")]
    assert set(sms_messages.values_list("status", "attempts")) == {(Status.QUEUED, 0)}
    assert set(Notification.objects.filter(channel="email").values_list("status", flat=True)) == {Status.ACCEPTED}


@pytest.mark.slow
def test_sender_that_twilio_refuses_pauses_the_channel(sandbox, settings):
    settings.TWILIO_SMS_FROM = "+15005550007"
    make_booking()

    deliver_all()

    sms_message = Notification.objects.get(channel="sms")
    assert (sms_message.status, sms_message.attempts, state_of("sms").pause_cause) == (Status.QUEUED, 0, Cause.BROKEN)


def test_probes_of_an_outage_are_not_faults_of_their_message(mail_server):
    prepare_channels()
    make_emails(2)
    mail_server.error = UNAVAILABLE
    for _ in range(12):
        record_outcomes([deliver(message, may_hand_over=lambda: True) for message in claim()])
        end_backoff()

    (probe,) = claim()
    accept([probe])
    (other,) = claim()

    assert other.channel_faults == 1


def test_probe_is_a_message_that_has_not_failed_yet():
    """A hundred messages that the server refuses each time must not keep the channel paused."""
    make_emails(121)
    good = Notification.objects.get(address="120@example.com")
    Notification.objects.exclude(pk=good.pk).update(due_at=timezone.now() - timedelta(minutes=1))
    first_claim = claim()
    fail(first_claim, BROKEN)
    probes = []

    while good.pk not in probes and len(probes) < 200:
        end_backoff()
        (probe,) = claim()
        probes.append(probe.id)
        if probe.id != good.pk:
            fail([probe], BROKEN)

    assert len(probes) == len(set(probes)) == 121 - len(first_claim)
