"""Per booking and channel, messages are sent one at a time and in order."""

import random
import threading
import time
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from bookings.operations import confirm_booking, reschedule_booking
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.leases import drop_undeliverable
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.messages.kinds import MessageKind, Topic
from notifications.models import Notification
from notifications.operations.decide import Decision, decide_on_held
from notifications.outbox import Cause, queue_messages, supersede_messages
from notifications.providers.base import Accepted, ProviderNotSent
from tests.builders.bookings import DESK, make_booking, make_service, slot
from tests.threads import run_concurrently, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Status = Notification.Status


def queue(booking, kind=MessageKind.REFUND_REQUESTED, key="1"):
    """Queue a message that no change of the booking supersedes."""
    queue_messages(kind=kind, booking=booking, cause=Cause(f"{booking.pk} {key}"))


def claim():
    return claim_due_notifications(room=100, in_flight={}, worker="w")


def kinds_claimed(channel="sms"):
    keys = [message.id for message in claim() if message.channel == channel]
    return list(Notification.objects.filter(pk__in=keys).values_list("kind", flat=True))


def set_status(kind, **fields):
    Notification.objects.filter(kind=kind).update(**fields)


@pytest.fixture
def booking():
    """A booking with two queued messages per channel, neither of which supersedes the other."""
    booking = make_booking()
    queue(booking)
    return booking


def test_messages_of_a_booking_are_claimed_one_at_a_time(booking):
    first, second = kinds_claimed(), kinds_claimed()
    set_status("booking_requested", status=Status.ACCEPTED)

    assert (first, second, kinds_claimed()) == (["booking_requested"], [], ["refund_requested"])


def test_messages_of_different_bookings_and_channels_do_not_wait_for_each_other():
    service = make_service(resources=2)
    make_booking(service), make_booking(service)

    assert len(claim()) == 6


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": Status.UNKNOWN, "unknown_since": timezone.now()}, []),
        ({"status": Status.HELD, "unknown_since": timezone.now()}, ["refund_requested"]),
        ({"status": Status.FAILED}, ["refund_requested"]),
        ({"due_at": timezone.now() + timedelta(hours=1)}, []),  # moved by a retry
        ({"superseded_at": timezone.now()}, ["refund_requested"]),
        ({"planned_at": timezone.now() + timedelta(hours=1)}, ["refund_requested"]),  # a reminder
    ],
    ids=["unknown", "held", "failed", "retried", "superseded", "planned later"],
)
def test_message_waits_for_an_earlier_one_that_can_still_be_sent(booking, fields, expected):
    if "planned_at" in fields:
        fields["due_at"] = fields["planned_at"]
    set_status("booking_requested", **fields)

    assert kinds_claimed() == expected


def test_message_waits_for_an_earlier_one_that_has_expired_until_that_is_marked(booking):
    set_status("booking_requested", expires_at=timezone.now())

    before = kinds_claimed()
    drop_undeliverable()

    assert (before, kinds_claimed()) == ([], ["refund_requested"])


def test_retry_after_the_expiry_does_not_delay_later_messages(booking):
    (message,) = [message for message in claim() if message.channel == "sms"]
    set_status("booking_requested", expires_at=timezone.now())
    record_outcomes([Outcome(message, Status.QUEUED, error=ProviderNotSent("Try again"), retry_in=3600)])

    drop_undeliverable()

    assert kinds_claimed() == ["refund_requested"]


@pytest.mark.parametrize("change", ["queue another message", "send a held one again"])
def test_no_message_of_a_booking_is_claimed_before_a_transaction_that_queues_another_ends(booking, change):
    """A lane that does not see the other message would not know that it has to wait for it."""
    held = Notification.objects.get(kind="booking_requested", channel="sms")
    set_status("booking_requested", status=Status.HELD, unknown_since=timezone.now())
    has_changed, may_commit, claimed = threading.Event(), threading.Event(), []

    def change_booking():
        with transaction.atomic():
            if change == "queue another message":
                supersede_messages(booking=booking, topic=Topic.REFUND, key_prefix="another refund ")
                queue(booking, key="another refund")
            else:
                decide_on_held(notification_id=held.pk, decision=Decision.SEND_AGAIN, actor=DESK)
            has_changed.set()
            assert may_commit.wait(10)

    def claim_meanwhile():
        assert has_changed.wait(10)
        claimed.append(kinds_claimed())
        may_commit.set()

    errors = run_concurrently([change_booking, claim_meanwhile])

    assert (errors, claimed) == ([], [[]])
    assert len(kinds_claimed()) == 1


class Provider:
    """Accepts messages, or limits the rate, and records which were in flight together and in which order."""

    def __init__(self):
        self.in_flight, self.overlaps, self.accepted = set(), [], []
        self._lock = threading.Lock()

    def send(self, message, rng):
        """Return the outcome of sending ``message``."""
        row = Notification.objects.get(pk=message.id)
        key = (row.booking_id, row.channel)
        with self._lock:
            if key in self.in_flight:
                self.overlaps.append(row)
            self.in_flight.add(key)
        time.sleep(rng.uniform(0, 0.004))
        is_limited = rng.random() < 0.3
        with self._lock:
            self.in_flight.discard(key)
            if not is_limited:
                self.accepted.append(row)
        if is_limited:
            return Outcome(message, Status.QUEUED, error=ProviderNotSent("Try again"), retry_in=rng.uniform(0, 0.01))
        return Outcome(message, Status.ACCEPTED, Accepted(str(message.id)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_two_lanes_send_the_messages_of_a_booking_one_at_a_time_and_in_order(seed):
    """While bookings change, refunds are announced, reminders fall due and staff send messages on hold again."""
    service = make_service(resources=6, reminder_minutes=[60])
    bookings = [make_booking(service) for _ in range(6)]
    provider, is_done = Provider(), threading.Event()

    def lane(number):
        rng = random.Random(f"{seed} lane {number}")
        while not is_done.is_set():
            messages = claim_due_notifications(room=20, in_flight={}, worker=f"lane {number}")
            record_outcomes([provider.send(message, rng) for message in messages])
            drop_undeliverable()

    def change(booking, number):
        rng = random.Random(f"{seed} booking {number}")
        confirm_booking(booking_id=booking.pk, actor=DESK)
        for step in range(8):
            time.sleep(rng.uniform(0, 0.02))
            reschedule_booking(booking_id=booking.pk, starts_at=slot(days=2 + step % 2, hour=9 + number), actor=DESK)
            Notification.objects.filter(booking=booking, kind="booking_reminder", status="queued").update(
                planned_at=timezone.now(), due_at=timezone.now()
            )
            queue(booking, key=str(step))

    def make_changes():
        try:
            changes = [partial(change, booking, number) for number, booking in enumerate(bookings)]
            errors.extend(run_concurrently(changes))
            wait_until(lambda: not Notification.objects.filter(status__in=[Status.QUEUED, Status.SENDING]).exists(), 60)
        finally:
            is_done.set()

    errors = []
    lane_errors = run_concurrently([partial(lane, 0), partial(lane, 1), make_changes])

    assert (errors, lane_errors, provider.overlaps) == ([], [], [])
    positions = {}
    for row in provider.accepted:
        positions.setdefault((row.booking_id, row.channel), []).append((row.planned_at, row.created_at))
    assert all(times == sorted(times) for times in positions.values())
    assert len(provider.accepted) == len({row.pk for row in provider.accepted}) > 50
