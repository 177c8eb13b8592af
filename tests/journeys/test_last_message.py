"""The last message that a customer receives about a booking states its current situation."""

import threading
import time
from functools import partial

import pytest
from django.utils import timezone

from bookings.operations import cancel_booking, confirm_booking, reschedule_booking
from notifications.models import ChannelState, Notification
from tests.builders.bookings import DESK, make_booking, make_service, slot
from tests.builders.notifications import deliver_all
from tests.threads import run_concurrently, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

Status = Notification.Status


def drain_while(change):
    """Deliver messages until ``change()`` has ended."""
    has_ended = threading.Event()

    def run():
        try:
            change()
        finally:
            has_ended.set()

    def drain():
        while not has_ended.is_set():
            deliver_all(5)  # longer than sending takes: the next message is claimed while the last is in flight

    assert run_concurrently([run, drain]) == []


def deliver_the_rest():
    """Deliver what is left, without waiting for backoffs."""
    deadline = time.monotonic() + 60
    unsettled = Notification.objects.filter(status__in=Notification.UNSETTLED, planned_at__lte=timezone.now())
    while unsettled.exists():
        assert time.monotonic() < deadline, "Messages are still unsent"
        unsettled.filter(status=Status.QUEUED).update(due_at=timezone.now())
        ChannelState.objects.all().delete()
        deliver_all(0.3)


def last_event(booking):
    return booking.events.get(seq=booking.version)


def accepted_messages(sandbox):
    """Return the messages that the providers accepted, in order, by booking and channel."""
    rows = {str(row.pk): row for row in Notification.objects.all()}
    messages = {}
    for entry in sorted(sandbox.client.accepted(), key=lambda entry: entry["at"]):
        parts = entry.get("status_callback", "").split("/")[-2:-1] or [entry["message_id"].strip("<").split("@")[0]]
        if row := rows.get(parts[0]):
            messages.setdefault((row.booking_id, row.channel), []).append(row)
    return messages


@pytest.mark.parametrize("is_limited", [False, True], ids=["providers without faults", "providers that limit the rate"])
def test_last_accepted_message_states_the_last_change(sandbox, is_limited):
    """18 bookings, each rescheduled twice as soon as the message before is being sent."""
    sandbox.client.set(message_seconds_min=0.05, message_seconds_max=4)
    if is_limited:
        sandbox.client.set(throttle=0.4, smtp_refuse=0.4)
    bookings = [make_booking(make_service(slug=f"service-{number}")) for number in range(18)]
    last_events = {}

    def change(booking):
        for days in (2, 3):
            in_flight = Notification.objects.filter(booking=booking).exclude(status=Status.QUEUED)
            wait_until(in_flight.filter(event=last_event(booking)).exists, 30)
            booking = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=days), actor=DESK)
        last_events[booking.pk] = last_event(booking)

    def change_all():
        assert run_concurrently([partial(change, booking) for booking in bookings]) == []

    drain_while(change_all)
    sandbox.client.set(throttle=0, smtp_refuse=0)
    deliver_the_rest()

    accepted = accepted_messages(sandbox)
    assert len(accepted) == 18 * 3
    outdated = [rows[-1] for (booking, _), rows in accepted.items() if rows[-1].event != last_events[booking]]
    assert outdated == []


def test_after_an_outage_the_customer_gets_only_the_current_situation(sandbox):
    service = make_service(resources=2, reminder_minutes=[60])
    sandbox.client.set(throttle=1, smtp_refuse=1)
    cancelled, rescheduled = (confirm_booking(booking_id=make_booking(service).pk, actor=DESK) for _ in range(2))
    deliver_all(0.5)
    reschedule_booking(booking_id=rescheduled.pk, starts_at=slot(days=2), actor=DESK)
    cancel_booking(booking_id=cancelled.pk, actor=DESK)
    deliver_all(0.5)

    sandbox.client.set(throttle=0, smtp_refuse=0)
    deliver_the_rest()

    kinds = {key: [row.kind for row in rows] for key, rows in accepted_messages(sandbox).items()}
    expected = {cancelled.pk: ["booking_cancelled"], rescheduled.pk: ["booking_rescheduled"]}
    assert kinds == {(pk, channel): expected[pk] for pk in expected for channel in ("sms", "whatsapp", "email")}
