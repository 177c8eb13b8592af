from datetime import time, timedelta

import pytest
from django.utils import timezone

from bookings.exceptions import OutsideHours, PartyTooLarge, SlotTaken
from bookings.models import Allocation, Booking, Location, Resource, ScheduleException, Service
from bookings.operations import accept_payment, cancel_booking, expire_hold, reschedule_booking
from bookings.scheduling.availability import find_free_slots
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    add_hours,
    make_booking,
    make_class,
    make_hold,
    make_room,
    make_service,
    slot,
    try_to_book,
)
from tests.threads import run_while_locked

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


def move_service(service):
    Service.objects.filter(pk=service.pk).update(location=Location.objects.create(name="Elsewhere"))


CHANGES = {
    "service removed from the resource": lambda service: service.resources.clear(),
    "location removed from the resource": lambda service: service.resources.get().locations.clear(),
    "service moved to another location": move_service,
    "service deactivated": lambda service: Service.objects.filter(pk=service.pk).update(is_active=False),
    "resource deactivated": lambda service: Resource.objects.update(is_active=False),
    "hours removed": lambda service: service.resources.get().working_hours.all().delete(),
}
ADDITIONS = {
    "service deleted": lambda service: Service.objects.filter(pk=service.pk).delete(),
    "room added": make_room,  # not locked, so it cannot be booked
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", [*CHANGES.values(), *ADDITIONS.values()], ids=[*CHANGES, *ADDITIONS])
def test_booking_that_waited_for_a_change_is_checked_against_it(change):
    service = make_service()

    errors = run_while_locked(Resource.objects.all(), lambda: change(service), lambda: make_booking(service))

    assert [type(error) for error in errors] == [OutsideHours]
    assert not Booking.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_booking_that_waited_for_a_change_gets_a_resource_that_is_still_listed():
    service = make_service(resources=2)
    first, second = service.resources.order_by("name")

    errors = run_while_locked(
        Resource.objects.all(), lambda: first.services.remove(service), lambda: make_booking(service)
    )

    assert errors == []
    assert Booking.objects.get().resource == second


@pytest.mark.django_db(transaction=True)
def test_party_that_waited_for_a_smaller_capacity_is_rejected():
    service = make_class()
    update = Service.objects.filter(pk=service.pk).update

    errors = run_while_locked(
        Resource.objects.all(), lambda: update(capacity=4), lambda: make_booking(service, party_size=5)
    )

    assert [type(error) for error in errors] == [PartyTooLarge]


@pytest.mark.django_db(transaction=True)
def test_reschedule_that_waited_for_a_change_is_checked_against_it():
    booking = make_booking()

    errors = run_while_locked(
        Resource.objects.all(),
        lambda: booking.resource.services.clear(),
        lambda: reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=12), actor=CUSTOMER_ACTOR),
    )

    assert [type(error) for error in errors] == [OutsideHours]
    assert Booking.objects.get().starts_at == slot()


def test_booking_of_an_inactive_service_can_be_rescheduled():
    booking = make_booking()
    Service.objects.update(is_active=False)

    reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=12), actor=CUSTOMER_ACTOR)

    assert Booking.objects.get().starts_at == slot(hour=12)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_late_payment_that_waited_for_a_change_is_checked_against_it(change):
    hold = make_hold()
    Booking.objects.update(hold_expires_at=timezone.now())
    expire_hold(booking_id=hold.pk, actor=DESK)
    results = []

    errors = run_while_locked(
        Resource.objects.all(),
        lambda: change(hold.service),
        lambda: results.append(accept_payment(booking_id=hold.pk, actor=DESK)),
    )

    assert (errors, results) == ([], [False])
    assert Booking.objects.get().status == "expired"
