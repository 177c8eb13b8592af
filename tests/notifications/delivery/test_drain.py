import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ

from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.drain import Drain
from notifications.delivery.leases import take_back_expired_leases
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import MAX_ATTEMPTS, Outcome, deliver
from notifications.jobs import prepare_lanes
from notifications.models import Attempt, Lane, Notification
from notifications.providers.base import Accepted
from tests.builders.bookings import make_booking, make_service, slot
from tests.builders.notifications import deliver_all, make_notification

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def run_slice(slot_number=0, seconds=1.0):
    handed_over = []
    Drain(slot_number, start_next=handed_over.append, slice_seconds=seconds).run()
    return handed_over


def test_a_slice_sends_what_is_due_and_hands_over(sandbox):
    booking = make_booking()

    handed_over = run_slice()

    assert set(Notification.objects.values_list("status", flat=True)) == {Status.ACCEPTED}
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"accepted"}
    addresses = {entry["to"] for entry in sandbox.client.accepted() if booking.reference in entry["body"]}
    assert addresses == {"+919812340003", "whatsapp:+919812340003", "meera@example.com"}
    assert handed_over == [0]


def test_a_second_slice_sends_nothing_again(sandbox):
    booking = make_booking()

    run_slice()
    run_slice()

    assert len([entry for entry in sandbox.client.accepted() if booking.reference in entry["body"]]) == 3


def test_two_workers_never_claim_the_same_message():
    service = make_service(resources=10)
    for _ in range(10):
        make_booking(service)
    gate, claimed = threading.Barrier(4), []

    def claim():
        gate.wait()
        claimed.extend(claim_due_notifications(room=30, in_flight={}, worker=threading.current_thread().name))
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claimed) == len({message.id for message in claimed}) == 30


def test_a_slot_is_drained_by_one_worker_at_a_time():
    gate = threading.Event()
    outcomes = []

    def hold_slot():
        deliver_all(1.5)
        connection.close()

    holder = threading.Thread(target=hold_slot)
    holder.start()
    gate.wait(0.5)
    outcomes.append(run_slice())
    holder.join()

    assert outcomes == [[]]


def test_expired_lease_is_unknown_and_never_sent_again(sandbox):
    notification = make_notification()
    (message,) = claim_due_notifications(room=10, in_flight={}, worker="dead")
    Notification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert take_back_expired_leases() == 1
    run_slice()

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.UNKNOWN, 1)
    assert Attempt.objects.get(pk=message.attempt_id).outcome == "unknown"
    assert not [entry for entry in sandbox.client.accepted() if str(notification.pk) in str(entry)]


def test_a_lease_that_runs_is_left_alone():
    make_notification()
    claim_due_notifications(room=10, in_flight={}, worker="alive")

    assert take_back_expired_leases() == 0


def test_a_result_that_comes_after_its_lease_was_taken_moves_nothing():
    notification = make_notification()
    (zombie,) = claim_due_notifications(room=10, in_flight={}, worker="zombie")
    Notification.objects.update(lease_token="00000000-0000-0000-0000-000000000001")

    moved = record_outcomes([Outcome(zombie, Status.ACCEPTED, Accepted("SM1", 201))])

    notification.refresh_from_db()
    assert (moved, notification.status, notification.provider_id) == (0, Status.SENDING, "")


@pytest.mark.parametrize(
    ("address", "channel", "status", "code"),
    [
        ("+15005550001", "sms", Status.FAILED, "21211"),
        ("+15005550004", "whatsapp", Status.SKIPPED, "21610"),
        ("nobody@bounce.example", "email", Status.FAILED, "550"),
        ("somebody@greylist.example", "email", Status.QUEUED, "451"),
    ],
)
def test_a_refusal_says_why_and_a_not_now_is_tried_again(sandbox, address, channel, status, code):
    notification = make_notification(channel=channel, address=address)

    run_slice(seconds=0.4)

    notification.refresh_from_db()
    assert (notification.status, notification.error_code) == (status, code)
    assert Attempt.objects.filter(notification=notification).first().outcome == status


@pytest.mark.parametrize("fault", ["error_before", "error_after", "reset_after", "html_error"])
def test_unclear_provider_response_is_unknown(sandbox, fault):
    notification = make_notification()
    sandbox.client.set(**{fault: 1, "callback_lost": 1})

    run_slice()

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.UNKNOWN, 1)


def test_a_silent_mail_server_leaves_doubt(sandbox):
    notification = make_notification(channel="email")
    sandbox.client.set(smtp_drop_after=1)

    run_slice()

    notification.refresh_from_db()
    assert notification.status == Status.UNKNOWN


def test_provider_rate_limit_does_not_count_as_attempt(sandbox):
    notification = make_notification()
    sandbox.client.set(throttle=1)

    run_slice(seconds=0.3)

    notification.refresh_from_db()
    assert (notification.status, notification.attempts) == (Status.QUEUED, 0)
    assert notification.due_at > timezone.now() - timedelta(seconds=1)


def test_unreachable_provider_is_retried_up_to_max_attempts(settings, sandbox):
    settings.TWILIO_API_BASE_URL = "http://127.0.0.1:9"
    notification = make_notification()

    run_slice(seconds=0.4)
    notification.refresh_from_db()
    waiting = notification.status
    Notification.objects.update(attempts=MAX_ATTEMPTS - 1, due_at=timezone.now())
    run_slice(seconds=0.4)

    notification.refresh_from_db()
    assert (waiting, notification.status) == (Status.QUEUED, Status.DEAD)


def test_a_bug_in_a_sender_is_unknown_not_lost(sandbox):
    make_notification(channel="email")
    (message,) = claim_due_notifications(room=1, in_flight={}, worker="w")

    outcome = deliver(message, may_hand_over=lambda: bool(1 / 0))

    assert outcome.status == Status.UNKNOWN


def test_a_drain_is_started_with_the_booking_only_when_no_heartbeat_is_fresh():
    prepare_lanes()
    OrmQ.objects.all().delete()
    Lane.objects.update(beat_at=timezone.now())
    make_booking()
    while_alive = OrmQ.objects.count()
    Lane.objects.update(beat_at=timezone.now() - timedelta(minutes=1))

    make_booking(starts_at=slot(hour=12))

    assert (while_alive, OrmQ.objects.count()) == (0, Lane.objects.count())


def test_results_outlive_the_connection_that_was_to_record_them(sandbox):
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


def test_no_row_is_left_between_states():
    make_notification()
    claim_due_notifications(room=10, in_flight={}, worker="w")

    assert Notification.objects.filter(status=Status.SENDING, lease_until__gt=F("created_at")).count() == 1
