from datetime import time, timedelta

import pytest

from bookings.exceptions import OutsideHours, SlotTaken
from bookings.models import Allocation, Booking, Location, Resource, ScheduleException
from bookings.operations import cancel_booking
from bookings.scheduling.availability import find_free_slots
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    add_hours,
    make_booking,
    make_room,
    make_service,
    slot,
    try_to_book,
)

pytestmark = pytest.mark.django_db


def free_slots(service):
    return find_free_slots(service, slot().date(), slot().date())


@pytest.mark.parametrize(
    "starts_at",
    [slot(hour=8), slot(hour=17, minute=45), slot(hour=23, minute=50), slot(days=-1), slot(days=200)],
    ids=["before opening", "past closing", "across midnight", "in the past", "beyond the horizon"],
)
def test_unavailable_times_are_outside_hours(starts_at):
    with pytest.raises(OutsideHours):
        make_booking(make_service(), starts_at=starts_at)


def test_back_to_back_visits_do_not_overlap():
    service = make_service()

    make_booking(service, starts_at=slot(hour=10))
    make_booking(service, starts_at=slot(hour=10, minute=30))

    assert Booking.objects.count() == 2


def test_buffers_block_the_time_around_a_visit():
    service = make_service(buffer_after_minutes=10)
    make_booking(service, starts_at=slot(hour=10))

    with pytest.raises(SlotTaken):
        make_booking(service, starts_at=slot(hour=10, minute=30))


def test_customers_must_book_a_slot_but_staff_may_book_any_minute():
    service = make_service(slot_interval_minutes=30)

    with pytest.raises(OutsideHours):
        make_booking(service, starts_at=slot(hour=10, minute=10))
    assert make_booking(service, starts_at=slot(hour=10, minute=10), actor=DESK).status == "confirmed"


def test_second_visit_gets_the_second_resource():
    service = make_service(resources=2)

    first, second = make_booking(service), make_booking(service)

    assert {first.resource, second.resource} == set(Resource.objects.all())


def test_requested_resource_is_booked():
    service = make_service(resources=2)
    requested = service.resources.last()

    assert make_booking(service, resource=requested).resource == requested


def test_requested_resource_must_offer_the_service():
    service, other = make_service(), make_service(slug="massage")

    with pytest.raises(OutsideHours):
        make_booking(service, resource=other.resources.get())


def test_service_with_a_room_occupies_a_doctor_and_a_room():
    service = make_service(resources=2)
    room = make_room(service)

    booking = make_booking(service)

    occupied = set(Allocation.objects.filter(booking=booking).values_list("resource__name", flat=True))
    assert (booking.resource.kind, occupied) == ("staff", {booking.resource.name, room.name})
    assert not try_to_book(service)  # the second doctor is free, but has no room


def test_requested_doctor_gets_a_room_and_cancelling_releases_both():
    service = make_service(resources=2)
    make_room(service)
    requested = service.resources.filter(kind="staff").last()
    booking = make_booking(service, resource=requested)

    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)

    assert booking.resource == requested
    assert Allocation.objects.filter(is_active=True).count() == 0
    assert try_to_book(service)


def test_holiday_closes_the_location_except_for_a_resource_with_extra_hours():
    service = make_service(resources=2)
    doctor = service.resources.last()
    day = slot(hour=0)
    ScheduleException.objects.create(
        location=service.location, starts_at=day, ends_at=day + timedelta(days=1), reason="Diwali"
    )

    with pytest.raises(OutsideHours):
        make_booking(service)
    ScheduleException.objects.create(
        location=service.location, resource=doctor, starts_at=slot(hour=20), ends_at=slot(hour=22), is_open=True
    )

    assert make_booking(service, starts_at=slot(hour=20)).resource == doctor


def test_lunch_break_is_outside_hours():
    service = make_service()
    doctor = service.resources.get()
    doctor.working_hours.update(closes_at="12:00")
    add_hours(doctor, service.location, time(13), time(18))

    with pytest.raises(OutsideHours):
        make_booking(service, starts_at=slot(hour=11, minute=45))
    with pytest.raises(OutsideHours):
        make_booking(service, starts_at=slot(hour=12, minute=30))
    assert make_booking(service, starts_at=slot(hour=13)).status == "pending"


@pytest.mark.parametrize("kind", ["staff", "room"])
def test_service_without_an_active_resource_of_a_listed_kind_is_not_bookable(kind):
    """Without its doctor, a consultation must not become a booking of the room alone, even outside working hours."""
    service = make_service()
    room = make_room(service)
    service.resources.filter(kind=kind).update(is_active=False)

    assert free_slots(service) == []
    for starts_at in (slot(), slot(hour=3)):
        with pytest.raises(OutsideHours):
            make_booking(service, starts_at=starts_at)
    room.services.clear()
    assert (free_slots(service) != []) is (kind == "room")


def test_resource_of_another_location_is_not_bookable():
    service = make_service()
    elsewhere = Location.objects.create(name="New York", timezone="America/New_York")
    service.resources.get().locations.set([elsewhere])

    assert free_slots(service) == []
    with pytest.raises(OutsideHours):
        make_booking(service)
