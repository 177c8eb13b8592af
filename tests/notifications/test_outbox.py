from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from bookings.models import BookingEvent
from bookings.operations import cancel_booking, confirm_booking, update_customer
from notifications.messages.kinds import KINDS, MessageKind
from notifications.models import Notification
from notifications.outbox import Cause, queue_messages
from tests.builders.bookings import CUSTOMER, DESK, make_booking, make_service

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


def channels_by_status():
    return {(row.channel, row.kind): (row.status, row.address) for row in Notification.objects.all()}


LANDLINE, MOBILE = "+912223456789", CUSTOMER["phone"]


def change_phone(booking, phone):
    booking.customer.phone = phone
    update_customer(customer=booking.customer)


def test_queued_message_is_skipped_if_the_customer_gets_a_number_that_cannot_receive_it():
    booking = make_booking()

    change_phone(booking, LANDLINE)

    assert channels_by_status() == {
        ("sms", "booking_requested"): ("skipped", LANDLINE),
        ("whatsapp", "booking_requested"): ("queued", LANDLINE),
        ("email", "booking_requested"): ("queued", "meera@example.com"),
    }
    assert Notification.objects.get(channel="sms").error == "A landline cannot receive SMS."


def test_planned_message_is_queued_again_if_the_customer_gets_a_number_that_can_receive_it():
    service = make_service(reminder_minutes=[120], requires_confirmation=False)
    booking = make_booking(service, customer={**CUSTOMER, "phone": LANDLINE})

    change_phone(booking, MOBILE)

    sms = Notification.objects.filter(channel="sms").values_list("kind", "status", "address", "error")
    assert sorted(sms) == [
        ("booking_confirmed", "skipped", LANDLINE, "A landline cannot receive SMS."),  # its time has passed
        ("booking_reminder", "queued", MOBILE, ""),
    ]


def test_update_of_the_customer_changes_no_message_that_has_been_sent():
    booking = make_booking()
    Notification.objects.filter(channel="sms").update(status="delivered")
    Notification.objects.filter(channel="whatsapp").update(status="sending", lease_until=Now(), lease_token=uuid4())

    change_phone(booking, LANDLINE)

    rows = Notification.objects.exclude(channel="email").values_list("channel", "status", "address")
    assert sorted(rows) == [("sms", "delivered", MOBILE), ("whatsapp", "sending", MOBILE)]


def test_planned_message_of_a_cancelled_booking_stays_skipped_when_the_number_changes():
    service = make_service(reminder_minutes=[120], requires_confirmation=False)
    booking = make_booking(service, customer={**CUSTOMER, "phone": LANDLINE})
    cancel_booking(booking_id=booking.pk, actor=DESK)

    change_phone(booking, MOBILE)

    assert Notification.objects.get(channel="sms", kind="booking_reminder").status == "skipped"
