import threading
import time
from collections import Counter

import pytest
from django.db import DataError, OperationalError, connection

from notifications.delivery import drain
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.senders import SENDERS
from notifications.models import Attempt, Lane, Notification
from tests.builders.bookings import make_booking
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def run_slice(lane=0, seconds=1.0):
    """Drain ``lane`` for one slice; return the lanes that it handed off."""
    handed_off = []
    drain.Drain(lane, start_next=handed_off.append, slice_seconds=seconds).run()
    SENDERS.wait()
    return handed_off


def test_drain_records_the_hand_over_of_an_email(sandbox):
    make_notification(channel="email")

    deliver_all(0.4)

    assert Attempt.objects.get().phase == "handover"


def test_drain_refuses_the_hand_over_of_a_lease_that_was_taken_back(sandbox):
    notification = make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="slow")
    Notification.objects.update(status=Status.QUEUED, lease_token=None, lease_until=None)
    count_before = len(sandbox.client.accepted())

    SENDERS.send(message)
    SENDERS.wait()

    notification.refresh_from_db()
    assert (notification.status, len(sandbox.client.accepted()) - count_before) == (Status.QUEUED, 0)


def test_drain_of_a_stopping_worker_claims_nothing(sandbox, settings, tmp_path):
    settings.STOP_FILE = str(tmp_path / "stop")
    notification = make_notification()
    (tmp_path / "stop").touch()

    deliver_all(5)

    notification.refresh_from_db()
    assert notification.status == Status.QUEUED


@pytest.mark.slow
def test_drain_stopped_during_a_slice_records_messages_in_flight(sandbox, settings, tmp_path):
    settings.STOP_FILE = str(tmp_path / "stop")
    sandbox.client.set(message_seconds_min=1, message_seconds_max=1)
    notification = make_notification()
    timer = threading.Timer(0.5, (tmp_path / "stop").touch)
    timer.start()

    deliver_all(60)
    timer.join()

    notification.refresh_from_db()
    assert notification.status == Status.ACCEPTED


@pytest.mark.slow
def test_drain_sends_due_messages_and_hands_off_the_lane(sandbox):
    booking = make_booking()

    handed_off = run_slice()

    assert set(Notification.objects.values_list("status", flat=True)) == {Status.ACCEPTED}
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"accepted"}
    addresses = {entry["to"] for entry in sandbox.client.accepted() if booking.reference in entry["body"]}
    assert addresses == {"+919812340003", "whatsapp:+919812340003", "meera@example.com"}
    assert handed_off == [0]


@pytest.mark.slow
def test_drain_twice_sends_once(sandbox):
    booking = make_booking()

    run_slice()
    run_slice()

    assert len([entry for entry in sandbox.client.accepted() if booking.reference in entry["body"]]) == 3


@pytest.mark.slow
def test_drain_of_a_lane_that_another_worker_holds_does_nothing():
    gate = threading.Event()
    outcomes = []

    def hold_lane():
        deliver_all(1.5)
        connection.close()

    holder = threading.Thread(target=hold_lane)
    holder.start()
    gate.wait(0.5)
    outcomes.append(run_slice())
    holder.join()

    assert outcomes == [[]]


@pytest.mark.slow
def test_drain_keeps_outcomes_while_the_database_is_unavailable(sandbox):
    notification = make_notification()
    sandbox.client.set(message_seconds_min=1, message_seconds_max=1)
    handed_off = []

    def run():
        handed_off.extend(run_slice(seconds=5))
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    while not Notification.objects.filter(status=Status.SENDING).exists():
        time.sleep(0.02)
    terminate_backends("true")
    thread.join()

    notification.refresh_from_db()
    assert (handed_off, notification.status) == ([0], Status.ACCEPTED)


@pytest.mark.slow
def test_slice_ends_when_its_session_and_with_it_the_lock_of_the_lane_are_lost(sandbox):
    durations = []

    def run():
        begin = time.monotonic()
        run_slice(seconds=10)
        durations.append(time.monotonic() - begin)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    while not Lane.objects.exists():  # its first heartbeat: until the next one, each step opens a new session
        time.sleep(0.02)
    terminate_backends("pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')")
    thread.join()

    assert durations[0] < 5


def terminate_backends(condition):
    """Terminate the sessions with ``condition`` as soon as there are some."""
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
            )
            if cursor.fetchall():
                return
            time.sleep(0.1)


def test_drain_claims_no_more_than_its_process_can_send(monkeypatch, settings):
    in_flight = Counter(sms=settings.LANE_CONCURRENCY // 3, email=settings.LANE_CONCURRENCY // 3)
    rooms = []
    monkeypatch.setattr(SENDERS, "in_flight", lambda: in_flight)
    monkeypatch.setattr(drain, "claim_due_notifications", lambda room, **kwargs: rooms.append(room) or [])

    run_slice(seconds=0.05)

    assert set(rooms) == {settings.LANE_CONCURRENCY - in_flight.total()}


@pytest.mark.slow
def test_error_in_one_step_stops_neither_the_others_nor_the_hand_off(sandbox, monkeypatch, caplog):
    def fail():
        raise DataError("invalid")

    monkeypatch.setattr(drain, "apply_receipts", fail)
    monkeypatch.setattr(drain, "drop_undeliverable", fail)
    make_booking()

    handed_off = run_slice()

    assert set(Notification.objects.values_list("status", flat=True)) == {Status.ACCEPTED}
    assert (handed_off, Lane.objects.get().number) == ([0], 0)
    assert "A step of the delivery loop failed" in caplog.text


@pytest.mark.slow
def test_hand_off_is_retried_until_the_database_is_available():
    attempts = []

    def start_next(lane):
        attempts.append(lane)
        if len(attempts) == 1:
            raise OperationalError("the database system is starting up")

    drain.Drain(0, start_next=start_next, slice_seconds=0).run()

    assert attempts == [0, 0]
