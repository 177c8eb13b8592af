from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from bookings.exceptions import InvalidTransition, SlotTaken
from bookings.models import Booking, BookingEvent, Location, ScheduleException, Service, Session
from bookings.operations import expire_unanswered_requests, reschedule_booking
from notifications.models import Notification
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_class,
    make_room,
    make_service,
    next_dst_transitions,
    slot,
    try_to_book,
)

pytestmark = pytest.mark.django_db


def test_reschedule_keeps_the_row_and_changes_the_time():
    booking = make_booking(starts_at=slot(hour=10))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    assert (rescheduled.pk, rescheduled.reference) == (booking.pk, booking.reference)
    assert (rescheduled.status, rescheduled.version) == ("pending", 2)
    assert (rescheduled.starts_at, rescheduled.ends_at) == (slot(hour=15), slot(hour=15, minute=30))
    assert try_to_book(booking.service, starts_at=slot(hour=10))
    assert not try_to_book(booking.service, starts_at=slot(hour=15))
    assert BookingEvent.objects.filter(booking=booking, kind="rescheduled", seq=2).exists()
    kinds = Notification.objects.filter(booking=booking).values_list("kind", flat=True)
    assert set(kinds) == {"booking_requested", "booking_rescheduled"}


def test_reschedule_changes_the_resource_only_if_it_is_taken():
    service = make_service(resources=2)
    doctor = service.resources.last()
    booking = make_booking(service, resource=doctor)
    make_booking(service, resource=doctor, starts_at=slot(hour=16))

    kept_resource = [
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=hour), actor=CUSTOMER_ACTOR).resource == doctor
        for hour in (15, 16)
    ]

    assert kept_resource == [True, False]


def test_reschedule_of_a_request_renews_its_deadline():
    booking = make_booking(make_service(answer_minutes=60))
    Booking.objects.update(answer_by=timezone.now() + timedelta(minutes=5))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(days=7), actor=CUSTOMER_ACTOR)

    assert timedelta(minutes=59) < rescheduled.answer_by - timezone.now() <= timedelta(minutes=60)


def test_reschedule_of_a_request_to_a_started_time_sets_the_deadline_to_its_end():
    service = make_service(duration_minutes=60)
    ScheduleException.objects.create(
        location=service.location,
        is_open=True,
        starts_at=timezone.now() - timedelta(days=1),
        ends_at=timezone.now() + timedelta(days=1),
    )
    booking = make_booking(service)

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=timezone.now() - timedelta(minutes=5), actor=DESK)
    expire_unanswered_requests()

    assert rescheduled.answer_by == rescheduled.ends_at
    assert Booking.objects.get().status == "pending"


def test_reschedule_may_overlap_the_old_time():
    booking = make_booking(starts_at=slot(hour=10))

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=10, minute=15), actor=CUSTOMER_ACTOR)

    assert rescheduled.starts_at == slot(hour=10, minute=15)


def test_reschedule_to_the_same_time_changes_nothing():
    booking = make_booking()

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=booking.starts_at, actor=CUSTOMER_ACTOR)

    assert rescheduled.version == 1


def test_reschedule_to_the_same_room_changes_nothing():
    service = make_service()
    room = make_room(service)
    booking = make_booking(service)

    rescheduled = reschedule_booking(
        booking_id=booking.pk, starts_at=booking.starts_at, resource=room, actor=CUSTOMER_ACTOR
    )

    assert rescheduled.version == 1


@pytest.mark.parametrize("transition", [0, 1])
def test_reschedule_to_the_same_time_in_a_dst_gap_or_fold_changes_nothing(transition):
    zone = ZoneInfo("Europe/Berlin")
    at = datetime.combine(next_dst_transitions(zone)[transition], time(2, 30), zone).replace(fold=1)
    service = make_service()
    Location.objects.update(timezone=zone.key)
    ScheduleException.objects.create(
        location=service.location, starts_at=at - timedelta(days=1), ends_at=at + timedelta(days=1), is_open=True
    )
    booking = make_booking(Service.objects.get(), starts_at=at, actor=DESK)

    assert reschedule_booking(booking_id=booking.pk, starts_at=at, actor=DESK).version == 1


def test_reschedule_to_a_taken_slot_changes_nothing_and_returns_alternatives():
    service = make_service()
    make_booking(service, starts_at=slot(hour=15))
    booking = make_booking(service, starts_at=slot(hour=10))

    with pytest.raises(SlotTaken) as refusal:
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    booking.refresh_from_db()
    assert (booking.starts_at, booking.version) == (slot(hour=10), 1)
    assert refusal.value.alternatives == [slot(hour=14, minute=15), slot(hour=14, minute=30), slot(hour=15, minute=30)]
    assert not try_to_book(service, starts_at=slot(hour=10))


@pytest.mark.parametrize("status", ["completed", "no_show", "cancelled", "declined", "expired"])
def test_reschedule_rejects_finished_bookings(status):
    booking = make_booking()
    Booking.objects.filter(pk=booking.pk).update(status=status, answer_by=None)

    with pytest.raises(InvalidTransition, match="rescheduled"):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=DESK)


def test_reschedule_between_sessions_transfers_the_places():
    service = make_class(capacity=4)
    booking = make_booking(service, party_size=3, starts_at=slot(hour=10))

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    booked = dict(Session.objects.values_list("starts_at", "booked"))
    assert booked == {slot(hour=10).astimezone(UTC): 0, slot(hour=15).astimezone(UTC): 3}
