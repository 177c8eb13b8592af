"""Reminders: planned when a booking is confirmed, planned again or superseded with it."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking, Customer, Location, Resource, Service
from bookings.operations import (
    cancel_booking,
    complete_booking,
    confirm_booking,
    mark_no_show,
    reschedule_booking,
    update_customer,
)
from foundation.events import Actor, ActorKind
from notifications.delivery.claim import claim_due_notifications
from notifications.delivery.leases import drop_undeliverable
from notifications.models import Notification
from tests.builders.bookings import CUSTOMER, DESK, make_booking, make_service, slot

pytestmark = pytest.mark.django_db

LEASED = {"lease_until": timezone.now(), "lease_token": "0b1f8a3e-5a52-4f0e-9d0e-6f2f5b8f1c11"}


def reminders_of(booking, **fields):
    return Notification.objects.filter(booking=booking, kind="booking_reminder", **fields)


def make_service_with_reminders(**fields):
    return make_service(**{"reminder_minutes": [24 * 60, 2 * 60], **fields})


def make_confirmed_booking(**fields):
    booking = make_booking(**{"service": fields.pop("service", None) or make_service_with_reminders(), **fields})
    return confirm_booking(booking_id=booking.pk, actor=DESK)


def lead_times(booking):
    """Count the queued reminders by their lead time before the visit."""
    due_times = reminders_of(booking, status="queued").values_list("due_at", flat=True)
    return Counter(booking.starts_at - due_at for due_at in due_times)


def test_reminders_of_a_new_service_are_due_a_day_and_two_hours_before():
    assert Service().reminder_minutes == [24 * 60, 2 * 60]


def test_plan_reminders_when_a_request_is_confirmed_and_only_once():
    booking = make_booking(make_service_with_reminders(), starts_at=slot(days=3))
    count_before = reminders_of(booking).count()

    confirm_booking(booking_id=booking.pk, actor=DESK)
    confirm_booking(booking_id=booking.pk, actor=DESK)

    assert count_before == 0
    assert lead_times(booking) == {timedelta(hours=24): 3, timedelta(hours=2): 3}


def test_reminder_expires_when_the_next_is_due_and_the_last_at_the_visit():
    booking = make_confirmed_booking(starts_at=slot(days=3))

    expiry_by_due_time = {row.due_at: row.expires_at for row in reminders_of(booking)}

    start = booking.starts_at
    assert expiry_by_due_time == {
        start - timedelta(hours=24): start - timedelta(hours=2),
        start - timedelta(hours=2): start,
    }


def test_plan_reminders_skips_reminders_already_due():
    service = make_service(reminder_minutes=[7 * 24 * 60, 60])

    booking = make_confirmed_booking(service=service, starts_at=slot(days=3))

    assert lead_times(booking) == {timedelta(minutes=60): 3}


def test_plan_reminders_of_a_service_without_reminders_queues_nothing():
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[]), starts_at=slot(days=3))

    assert not reminders_of(booking).exists()


def test_reminders_are_planned_again_with_the_new_time_after_a_reschedule():
    booking = make_confirmed_booking(starts_at=slot(days=3, hour=10))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=5, hour=15), actor=DESK)

    assert lead_times(rescheduled) == {timedelta(hours=24): 3, timedelta(hours=2): 3}
    assert reminders_of(booking, status="superseded").count() == 6


def test_reminders_are_planned_again_after_a_reschedule_to_another_time_and_back():
    booking = make_confirmed_booking(starts_at=slot(days=3, hour=10))

    for hour in (15, 10):
        rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=3, hour=hour), actor=DESK)

    assert lead_times(rescheduled) == {timedelta(hours=24): 3, timedelta(hours=2): 3}


def test_rescheduled_request_has_no_reminders_before_it_is_confirmed():
    booking = make_booking(make_service_with_reminders(), starts_at=slot(days=3))

    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=4), actor=Actor(ActorKind.CUSTOMER))

    assert not reminders_of(booking).exists()


@pytest.mark.parametrize("end", [cancel_booking, complete_booking, mark_no_show])
def test_reminders_are_superseded_when_the_visit_is_over_or_cancelled(end):
    booking = make_confirmed_booking(starts_at=slot(days=3))
    if end is not cancel_booking:
        Booking.objects.update(starts_at=timezone.now())

    end(booking_id=booking.pk, actor=DESK)

    assert Counter(reminders_of(booking).values_list("status", flat=True)) == {"superseded": 6}


@pytest.mark.parametrize("status", ["sending", "unknown"])
def test_reminder_in_flight_when_the_visit_is_cancelled_is_not_sent_again(status):
    """A lookup, or a provider that limits our rate, would queue it again."""
    booking = make_confirmed_booking(starts_at=slot(days=3))
    fields = {"unknown_since": timezone.now()} if status == "unknown" else LEASED
    reminders_of(booking).update(status=status, **fields)
    cancel_booking(booking_id=booking.pk, actor=DESK)
    Notification.objects.exclude(kind="booking_reminder").delete()

    reminders_of(booking).update(
        status="queued", due_at=timezone.now(), unknown_since=None, **dict.fromkeys(LEASED, None)
    )

    assert claim_due_notifications(room=10, in_flight={}, worker="w") == []


# Rendered when they are sent


def make_due(booking):
    """Make the booking's reminders due, as if its other messages had been sent a day ago."""
    yesterday = timezone.now() - timedelta(days=1)
    others = Notification.objects.filter(booking=booking).exclude(kind="booking_reminder")
    others.update(status="accepted", accepted_at=yesterday)
    reminders_of(booking, status="queued").update(due_at=timezone.now())


def claim_texts():
    return {message.channel: message.body for message in claim_due_notifications(room=10, in_flight={}, worker="w")}


def test_reminder_has_no_text_before_it_is_sent():
    booking = make_confirmed_booking(starts_at=slot(days=3))

    assert set(reminders_of(booking).values_list("subject", "body")) == {("", "")}


def test_reminder_is_rendered_with_the_names_and_address_of_the_time_when_it_is_sent():
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    Customer.objects.update(name="Meera Rao")
    Service.objects.update(name="Check-up")
    Resource.objects.update(name="Dr. Nair")
    Location.objects.update(name="Lotus Clinic, new building")
    make_due(booking)

    texts = claim_texts()

    for name in ("Meera Rao", "Check-up", "Dr. Nair", "Lotus Clinic, new building", booking.reference):
        assert name in texts["email"]
    sent = reminders_of(booking).get(channel="email")
    assert (sent.body, sent.subject != "") == (texts["email"], True)


def test_reminder_is_rendered_again_when_it_is_sent_again():
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    make_due(booking)
    claim_texts()
    Service.objects.update(name="Check-up")
    reminders_of(booking).update(status="queued", lease_until=None, lease_token=None)

    assert "Check-up" in claim_texts()["sms"]


def test_reminder_that_cannot_be_rendered_fails_and_delays_no_other_message(caplog):
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    make_due(booking)
    Booking.objects.update(timezone="No/Where")
    make_booking(make_service(slug="other"), customer={**CUSTOMER, "phone": "+919812340009"})

    texts = claim_texts()

    assert {status for (status,) in reminders_of(booking).values_list("status")} == {"failed"}
    assert set(texts) == {"sms", "whatsapp", "email"}
    assert "Failed to render" in caplog.text


# No reminder shortly after a message that says the same


@pytest.mark.parametrize(("minutes_ahead", "count"), [(61, 0), (89, 0), (91, 3)])
def test_reminder_is_not_planned_shortly_after_the_confirmation(minutes_ahead, count):
    booking = make_booking(make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    starts_at = timezone.now() + timedelta(minutes=minutes_ahead)
    Booking.objects.update(starts_at=starts_at, ends_at=starts_at + timedelta(minutes=30))

    confirm_booking(booking_id=booking.pk, actor=DESK)

    assert reminders_of(booking).count() == count


@pytest.mark.parametrize(("minutes_ago", "status"), [(29, "skipped"), (31, "sending")])
def test_reminder_is_skipped_shortly_after_a_delayed_confirmation_was_accepted(minutes_ago, status):
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    make_due(booking)
    accepted_at = timezone.now() - timedelta(minutes=minutes_ago)
    Notification.objects.filter(kind="booking_confirmed").update(status="delivered", accepted_at=accepted_at)

    claim_texts()

    assert set(reminders_of(booking).values_list("status", flat=True)) == {status}


def test_reminder_is_sent_on_a_channel_that_did_not_get_the_delayed_confirmation():
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    make_due(booking)
    confirmations = Notification.objects.filter(kind="booking_confirmed")
    confirmations.filter(channel="sms").update(accepted_at=timezone.now())
    confirmations.filter(channel="whatsapp").update(status="undelivered", accepted_at=timezone.now())
    confirmations.filter(channel="email").update(status="failed", accepted_at=None)

    assert set(claim_texts()) == {"whatsapp", "email"}


def test_reminder_is_sent_to_the_corrected_address_shortly_after_the_confirmation_went_to_the_old_one():
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    make_due(booking)
    Notification.objects.filter(kind="booking_confirmed").update(accepted_at=timezone.now())
    booking.customer.phone = "+919812340009"
    update_customer(customer=booking.customer)

    assert set(claim_texts()) == {"sms", "whatsapp"}


def test_reminder_is_sent_shortly_after_an_outdated_message_was_accepted():
    """A customer who has received the earlier time must get the new one."""
    booking = make_confirmed_booking(service=make_service(reminder_minutes=[60]), starts_at=slot(days=3))
    make_due(booking)
    Notification.objects.filter(kind="booking_confirmed").update(
        accepted_at=timezone.now(), superseded_at=timezone.now()
    )

    assert set(claim_texts()) == {"sms", "whatsapp", "email"}


def test_queued_messages_go_to_the_corrected_phone_number_and_email_address():
    booking = make_confirmed_booking(starts_at=slot(days=3))
    Notification.objects.filter(kind="booking_requested", channel="sms").update(status="cancelled")
    customer = booking.customer
    customer.phone, customer.email = "+919812340009", "meera@example.org"

    update_customer(customer=customer)

    assert set(reminders_of(booking).values_list("address", flat=True)) == {"+919812340009", "meera@example.org"}
    assert Notification.objects.get(kind="booking_requested", channel="sms").address == "+919812340003"


def test_reminder_is_claimed_when_it_is_due_and_not_before():
    booking = make_confirmed_booking(starts_at=slot(days=3))
    Notification.objects.exclude(kind="booking_reminder").delete()

    messages_before_due = claim_due_notifications(room=10, in_flight={}, worker="w")
    reminders_of(booking, due_at=booking.starts_at - timedelta(hours=24)).update(due_at=timezone.now())

    assert messages_before_due == []
    assert len(claim_due_notifications(room=10, in_flight={}, worker="w")) == 3


def test_overdue_reminder_expires_instead_of_being_sent_after_the_visit():
    booking = make_confirmed_booking(starts_at=slot(days=3))
    Notification.objects.exclude(kind="booking_reminder").delete()
    past = timezone.now() - timedelta(seconds=1)
    reminders_of(booking).update(due_at=past - timedelta(hours=2), expires_at=past)

    claimed = claim_due_notifications(room=10, in_flight={}, worker="w")
    drop_undeliverable()

    assert claimed == []
    assert Counter(reminders_of(booking).values_list("status", flat=True)) == {"expired": 6}
