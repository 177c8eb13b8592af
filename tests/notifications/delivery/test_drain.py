import threading
import time

import pytest
from django.db import OperationalError, connection

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.drain import Drain
from notifications.models import Attempt, Notification
from tests.builders.bookings import make_booking
from tests.builders.notifications import deliver_all, make_notification

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def run_slice(lane=0, seconds=1.0):
    """Drain ``lane`` for one slice; return the lanes that it handed off."""
    handed_off = []
    Drain(lane, start_next=handed_off.append, slice_seconds=seconds).run()
    return handed_off


def test_drain_records_the_hand_over_of_an_email(sandbox):
    make_notification(channel="email")

    deliver_all(0.4)

    assert Attempt.objects.get().phase == "handover"


def test_drain_refuses_the_hand_over_of_a_lease_that_was_taken_back(sandbox):
    notification = make_notification(channel="email")
    drain = Drain(0, start_next=lambda _: None)
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="slow")
    Notification.objects.update(status=Status.QUEUED, lease_token=None, lease_until=None)
    count_before = len(sandbox.client.accepted())

    sender = threading.Thread(target=drain._send, args=(message,))
    sender.start()
    while sender.is_alive():
        drain._record()

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
    errors = []

    def drain():
        try:
            deliver_all(5)
        except OperationalError as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=drain)
    thread.start()
    while not Notification.objects.filter(status=Status.SENDING).exists():
        time.sleep(0.02)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    thread.join()

    notification.refresh_from_db()
    assert (len(errors), notification.status) == (1, Status.ACCEPTED)
