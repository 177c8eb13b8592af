import multiprocessing
import threading
import time

import psycopg2
import pytest
from django.db import connection, connections

from notifications.delivery import senders as senders_module
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.drain import Drain
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.delivery.senders import SENDERS, Senders
from notifications.models import Attempt, Notification
from notifications.providers.base import Accepted
from tests.builders.bookings import make_booking, slot
from tests.builders.notifications import make_notification
from tests.processes import database_url

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def make_notifications(*channels):
    return [
        make_notification(channel=channel, booking=make_booking(starts_at=slot(hour=hour)))
        for hour, channel in enumerate(channels, start=10)
    ]


def claim_all():
    return claim_due_notifications(room=10, in_flight={}, worker="test")


def drain_slice(seconds):
    Drain(0, start_next=lambda lane: None, slice_seconds=seconds).run()


def test_slice_ends_while_a_message_is_in_flight(sandbox):
    sandbox.client.set(message_seconds_min=2, message_seconds_max=2)
    notification = make_notification(channel="email")

    drain_slice(0.3)
    status_at_the_end = Notification.objects.get().status
    SENDERS.wait()

    notification.refresh_from_db()
    assert (status_at_the_end, notification.status) == (Status.SENDING, Status.ACCEPTED)


def test_lease_of_a_message_in_flight_is_renewed(sandbox, settings):
    settings.SEND_LEASE_SECONDS = 1
    sandbox.client.set(message_seconds_min=3, message_seconds_max=3)
    notification = make_notification(channel="email")

    drain_slice(2.5)  # takes back expired leases meanwhile
    SENDERS.wait()

    notification.refresh_from_db()
    assert (notification.status, Attempt.objects.count()) == (Status.ACCEPTED, 1)


def test_worker_that_stops_abandons_what_is_in_flight_after_the_grace_period(sandbox, settings, tmp_path):
    settings.STOP_FILE, settings.STOP_GRACE_SECONDS = str(tmp_path / "stop"), 0.5
    sandbox.client.set(message_seconds_min=4, message_seconds_max=4)
    handed_over, sms, waiting = make_notifications("email", "sms", "email")
    senders = Senders()
    for message in claim_all():
        if message.id != waiting.id:
            senders.send(message)
        else:  # as if it were still connecting
            senders._in_flight[message.attempt_id] = message
    while not Attempt.objects.filter(phase="handover").exists():
        time.sleep(0.02)

    (tmp_path / "stop").touch()
    senders.wait()

    assert {row.pk: (row.status, row.attempts) for row in Notification.objects.all()} == {
        handed_over.pk: (Status.UNKNOWN, 1),
        sms.pk: (Status.UNKNOWN, 1),
        waiting.pk: (Status.QUEUED, 0),
    }


def test_process_that_ends_records_its_messages_in_flight_first(sandbox):
    sandbox.client.set(message_seconds_min=1, message_seconds_max=1)
    notification = make_notification(channel="sms")
    connections.close_all()

    process = multiprocessing.get_context("fork").Process(target=drain_slice, args=(0.3,))
    process.start()
    process.join()

    notification.refresh_from_db()
    assert (process.exitcode, notification.status) == (0, Status.ACCEPTED)


def test_outcome_that_cannot_be_recorded_does_not_lose_the_others(sandbox, caplog):
    unwritable, writable = make_notifications("sms", "sms")
    by_id = {message.id: message for message in claim_all()}
    senders = Senders()
    for message, provider_id in [(by_id[unwritable.id], "A NUL: \0"), (by_id[writable.id], "SM1")]:
        senders._in_flight[message.attempt_id] = message
        senders._outcomes.put(Outcome(message, Status.ACCEPTED, Accepted(provider_id, 201)))

    senders._record()

    writable.refresh_from_db()
    assert (writable.status, senders.in_flight().total()) == (Status.ACCEPTED, 0)
    assert "could not be recorded" in caplog.text


def test_write_outside_a_transaction_continues_with_a_new_session(monkeypatch):
    monkeypatch.setattr(senders_module, "RETRY_SECONDS", 0.01)
    calls = []

    def write():
        calls.append("write")
        assert len(calls) < 10, "each call used the lost session"
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    lost_session = write()
    with psycopg2.connect(database_url()) as other_session, other_session.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [lost_session])

    session = senders_module._write(write)
    connection.close()  # if it is still the lost session, the next tests would fail as well

    assert session not in (None, lost_session)


def test_message_whose_result_cannot_be_recorded_is_not_kept_in_flight(sandbox, monkeypatch):
    make_notification()
    senders = Senders()

    def fail_to_start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail_to_start)
    (message,) = claim_all()
    with pytest.raises(RuntimeError):
        senders.send(message)

    # Otherwise the next recorder renews its lease for ever.
    assert senders.in_flight().total() == 0


def test_message_without_a_thread_is_queued_again(sandbox, monkeypatch):
    notification = make_notification()
    start = threading.Thread.start

    def fail_to_start(thread):
        if thread.daemon:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail_to_start)
    for message in claim_all():
        SENDERS.send(message)
    SENDERS.wait()

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.QUEUED, 0)


def test_outcome_is_kept_while_the_session_leads_to_a_read_only_server():
    (notification,) = make_notifications("sms")
    (message,) = claim_all()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

    senders_module._write(lambda: record_outcomes([Outcome(message, Status.ACCEPTED, Accepted("SM1", 201))]))

    notification.refresh_from_db()
    assert notification.status == Status.ACCEPTED
