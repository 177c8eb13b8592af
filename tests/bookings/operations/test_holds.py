import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from bookings.exceptions import SlotTaken
from bookings.models import Booking, Session
from bookings.operations import confirm_booking, expire_unanswered_requests
from notifications.models import Notification
from tests.builders.bookings import (
    DESK,
    make_booking,
    make_class,
    make_hold,
    make_paid_service,
    make_service,
    slot,
    try_to_book,
)
from tests.threads import wait_until

pytestmark = pytest.mark.django_db


def test_hold_blocks_its_slot_until_it_is_overdue():
    hold = make_hold()
    with pytest.raises(SlotTaken):
        make_hold(hold.service)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=timezone.now())

    make_hold(hold.service)

    hold.refresh_from_db()
    assert hold.status == "expired"


def test_overdue_hold_releases_its_places_in_a_session():
    service = make_paid_service(slug="retreat", capacity=2)
    hold = make_hold(service, party_size=2)
    Booking.objects.filter(pk=hold.pk).update(hold_expires_at=timezone.now())

    make_hold(service, party_size=2)

    hold.refresh_from_db()
    assert (hold.status, Session.objects.get().booked) == ("expired", 2)


def test_expire_unanswered_requests_expires_once_and_notifies_the_customer():
    booking = make_booking()
    time_to_confirm = booking.answer_by - booking.created_at
    Booking.objects.filter(pk=booking.pk).update(answer_by=timezone.now())

    counts = [expire_unanswered_requests(), expire_unanswered_requests()]

    booking.refresh_from_db()
    assert time_to_confirm <= timedelta(days=1)
    assert (counts, booking.status, booking.answer_by) == ([1, 0], "expired", None)
    assert Notification.objects.filter(booking=booking, kind="booking_unanswered").count() == 3
    assert try_to_book(booking.service)


def test_overdue_request_does_not_block_its_slot():
    booking = make_booking()
    Booking.objects.filter(pk=booking.pk).update(answer_by=timezone.now())

    assert try_to_book(booking.service)
    booking.refresh_from_db()
    assert booking.status == "expired"


def test_confirmed_request_does_not_expire():
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    assert expire_unanswered_requests() == 0
    assert Booking.objects.get().answer_by is None


@pytest.mark.django_db(transaction=True)
def test_expire_unanswered_requests_locks_one_session_at_a_time():
    """Otherwise it could deadlock with a reschedule from the second session to the first."""
    service = make_service(capacity=12)
    first, second = make_booking(service, starts_at=slot(hour=10)), make_booking(service, starts_at=slot(hour=12))
    for minutes, booking in ((2, first), (1, second)):
        Booking.objects.filter(pk=booking.pk).update(answer_by=timezone.now() - timedelta(minutes=minutes))

    with transaction.atomic():
        Session.objects.select_for_update(no_key=True).get(pk=second.session_id)
        expiry = threading.Thread(target=lambda: (expire_unanswered_requests(), connection.close()))
        expiry.start()
        wait_until(lambda: Booking.objects.get(pk=first.pk).status == "expired")
        Session.objects.select_for_update(no_key=True, nowait=True).get(pk=first.session_id)
    expiry.join()

    assert Booking.objects.get(pk=second.pk).status == "expired"


def test_expire_unanswered_requests_continues_after_a_failure(caplog):
    """The failure is a session whose ``booked`` count is too low, which only a manual database change can cause."""
    service = make_class(requires_confirmation=True)
    failing, other = make_booking(service), make_booking(service, starts_at=slot(hour=15))
    Session.objects.filter(pk=failing.session_id).update(booked=0)
    for minutes, booking in ((2, failing), (1, other)):
        answer_by = timezone.now() - timedelta(minutes=minutes)
        Booking.objects.filter(pk=booking.pk).update(answer_by=answer_by)

    assert expire_unanswered_requests() == 1

    statuses = [Booking.objects.get(pk=booking.pk).status for booking in (failing, other)]
    assert statuses == ["pending", "expired"]
    assert f"Failed to expire booking request {failing.pk}" in caplog.text
