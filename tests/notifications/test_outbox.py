from collections import Counter
from dataclasses import replace

import pytest

from bookings.models import BookingEvent
from bookings.operations import confirm_booking
from notifications.messages.kinds import KINDS, MessageKind
from notifications.models import Notification
from notifications.outbox import Cause, queue_messages
from tests.builders.bookings import DESK, make_booking, make_service

pytestmark = pytest.mark.django_db


def test_queue_messages_inserts_one_message_per_channel():
    booking = make_booking()

    rows = Notification.objects.filter(booking=booking).values_list("kind", "channel", "address", "status")

    assert sorted(rows) == [
        ("booking_requested", "email", "meera@example.com", "queued"),
        ("booking_requested", "sms", "+919812340003", "queued"),
        ("booking_requested", "whatsapp", "+919812340003", "queued"),
    ]


def test_queue_messages_twice_for_one_event_inserts_nothing_more():
    booking = make_booking()
    event = BookingEvent.objects.get(booking=booking)

    cause = Cause.from_event(event, MessageKind.BOOKING_REQUESTED)
    queue_messages(kind=MessageKind.BOOKING_REQUESTED, booking=booking, cause=cause)

    assert Notification.objects.count() == 3


def test_two_message_kinds_for_one_booking_event_are_both_queued(monkeypatch):
    change = KINDS[MessageKind.BOOKING_REQUESTED].change
    spec = replace(KINDS[MessageKind.PAYMENT_FAILED], change=change)
    monkeypatch.setitem(KINDS, MessageKind.PAYMENT_FAILED, spec)

    make_booking()

    kinds = Counter(Notification.objects.values_list("kind", flat=True))
    assert kinds == {"booking_requested": 3, "payment_failed": 3}


def test_messages_of_a_booking_event_refer_to_it_and_reminders_do_not():
    booking = make_booking(make_service(reminder_minutes=[120]))

    confirm_booking(booking_id=booking.pk, actor=DESK)

    assert set(Notification.objects.values_list("kind", "event__kind")) == {
        ("booking_requested", "created"),
        ("booking_confirmed", "confirmed"),
        ("booking_reminder", None),
    }
