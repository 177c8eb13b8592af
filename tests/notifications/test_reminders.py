"""Reminders: planned with the booking, moved and dropped with it."""

from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.models import Booking, Service
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
from tests.builders.bookings import DESK, make_booking, make_service, slot

pytestmark = pytest.mark.django_db

LEASED = {"lease_until": timezone.now(), "lease_token": "0b1f8a3e-5a52-4f0e-9d0e-6f2f5b8f1c11"}


def reminders(booking, **fields):
    return Notification.objects.filter(booking=booking, kind="booking_reminder", **fields)


def make_reminding_service(**fields):
    return make_service(**{"reminder_minutes": [24 * 60, 2 * 60], **fields})


def confirmed(**fields):
    booking = make_booking(**{"service": fields.pop("service", None) or make_reminding_service(), **fields})
    return confirm_booking(booking_id=booking.pk, actor=DESK)


def before(booking):
    """How long before the visit each planned reminder is due, with the number of its messages."""
    due = reminders(booking, status="queued").values_list("due_at", flat=True)
    return Counter(booking.starts_at - at for at in due)


def test_a_service_reminds_a_day_and_two_hours_before_unless_it_is_told_otherwise():
    assert Service().reminder_minutes == [24 * 60, 2 * 60]


def test_a_request_is_reminded_of_once_it_is_confirmed():
    booking = make_booking(make_reminding_service(), starts_at=slot(days=3))
    planned = reminders(booking).count()

    confirm_booking(booking_id=booking.pk, actor=DESK)
    confirm_booking(booking_id=booking.pk, actor=DESK)

    assert planned == 0
    assert before(booking) == {timedelta(hours=24): 3, timedelta(hours=2): 3}


def test_each_reminder_is_of_use_until_the_next_and_the_last_until_the_visit():
    booking = confirmed(starts_at=slot(days=3))

    ends = {row.due_at: row.expires_at for row in reminders(booking)}

    start = booking.starts_at
    assert ends == {
        start - timedelta(hours=24): start - timedelta(hours=2),
        start - timedelta(hours=2): start,
    }


def test_a_visit_that_is_near_gets_only_the_reminders_that_are_still_to_come():
    service = make_service(reminder_minutes=[7 * 24 * 60, 60])

    booking = confirmed(service=service, starts_at=slot(days=3))

    assert before(booking) == {timedelta(minutes=60): 3}


def test_a_service_may_go_without():
    booking = confirmed(service=make_service(reminder_minutes=[]), starts_at=slot(days=3))

    assert not reminders(booking).exists()


def test_a_reminder_moves_with_its_visit_and_names_the_new_time():
    booking = confirmed(starts_at=slot(days=3, hour=10))

    moved = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=5, hour=15), actor=DESK)

    assert before(moved) == {timedelta(hours=24): 3, timedelta(hours=2): 3}
    assert reminders(booking, status="cancelled").count() == 6
    assert all("15:00" in row.body for row in reminders(booking, status="queued"))


def test_moved_there_and_back_again_it_is_still_reminded_of():
    booking = confirmed(starts_at=slot(days=3, hour=10))

    for hour in (15, 10):
        moved = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=3, hour=hour), actor=DESK)

    assert before(moved) == {timedelta(hours=24): 3, timedelta(hours=2): 3}


def test_a_request_that_is_moved_is_not_reminded_of_before_it_is_confirmed():
    booking = make_booking(make_reminding_service(), starts_at=slot(days=3))

    reschedule_booking(booking_id=booking.pk, starts_at=slot(days=4), actor=Actor(ActorKind.CUSTOMER))

    assert not reminders(booking).exists()


@pytest.mark.parametrize("end", [cancel_booking, complete_booking, mark_no_show])
def test_nobody_is_reminded_of_what_is_over_or_off(end):
    booking = confirmed(starts_at=slot(days=3))
    if end is mark_no_show:
        Booking.objects.update(starts_at=timezone.now())

    end(booking_id=booking.pk, actor=DESK)

    assert Counter(reminders(booking).values_list("status", flat=True)) == {"cancelled": 6}


@pytest.mark.parametrize("status", ["sending", "unknown"])
def test_one_that_is_on_its_way_when_the_visit_is_cancelled_is_not_sent_again(status):
    """A look-up, or a provider that asks for patience, would put it back into the queue."""
    booking = confirmed(starts_at=slot(days=3))
    in_doubt = {"unknown_since": timezone.now()} if status == "unknown" else LEASED
    reminders(booking).update(status=status, **in_doubt)
    cancel_booking(booking_id=booking.pk, actor=DESK)
    Notification.objects.exclude(kind="booking_reminder").delete()

    reminders(booking).update(status="queued", due_at=timezone.now(), unknown_since=None, **dict.fromkeys(LEASED, None))

    assert claim_due_notifications(room=10, in_flight={}, worker="w") == []


def test_a_number_that_is_put_right_is_where_the_reminder_goes():
    booking = confirmed(starts_at=slot(days=3))
    Notification.objects.filter(kind="booking_requested", channel="sms").update(status="cancelled")
    customer = booking.customer
    customer.phone, customer.email = "+919812340009", "meera@example.org"

    update_customer(customer=customer)

    assert set(reminders(booking).values_list("address", flat=True)) == {"+919812340009", "meera@example.org"}
    assert Notification.objects.get(kind="booking_requested", channel="sms").address == "+919812340003"


def test_it_goes_out_when_it_is_due_and_not_before():
    booking = confirmed(starts_at=slot(days=3))
    Notification.objects.exclude(kind="booking_reminder").delete()

    early = claim_due_notifications(room=10, in_flight={}, worker="w")
    reminders(booking, due_at=booking.starts_at - timedelta(hours=24)).update(due_at=timezone.now())

    assert early == []
    assert len(claim_due_notifications(room=10, in_flight={}, worker="w")) == 3


def test_one_that_comes_too_late_is_put_aside_instead_of_arriving_after_the_visit():
    booking = confirmed(starts_at=slot(days=3))
    Notification.objects.exclude(kind="booking_reminder").delete()
    past = timezone.now() - timedelta(seconds=1)
    reminders(booking).update(due_at=past - timedelta(hours=2), expires_at=past)

    claimed = claim_due_notifications(room=10, in_flight={}, worker="w")
    drop_undeliverable()

    assert claimed == []
    assert Counter(reminders(booking).values_list("status", flat=True)) == {"expired": 6}
