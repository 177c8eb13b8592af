"""What becomes of bookings when the catalogue changes under them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from bookings.exceptions import OutsideHours, SlotTaken
from bookings.models import Allocation, Booking, Location, Resource, ScheduleException, Service, Session
from bookings.operations import accept_payment, cancel_booking, expire_unanswered_requests, hold_booking, release_hold
from bookings.scheduling.availability import find_free_slots
from foundation.events import Actor, ActorKind
from tests.factories import CUSTOMER, DESK, make_booking, make_paid_service, make_service, slot
from tests.invariants import violated_invariants

pytestmark = pytest.mark.django_db

HERSELF = Actor(ActorKind.CUSTOMER)


def make_class(**fields):
    return make_service(
        **{"slug": "yoga", "duration_minutes": 60, "capacity": 12, "requires_confirmation": False, **fields}
    )


def change(service, **fields):
    Service.objects.filter(pk=service.pk).update(**fields)
    service.refresh_from_db()


def offered(service):
    return find_free_slots(service, slot().date(), slot().date())


def add(kind, service, **fields):
    resource = Resource.objects.create(location=service.location, name=f"A {kind}", kind=kind, **fields)
    resource.services.add(service)
    return resource


@pytest.mark.parametrize("capacity", [4, 24])
def test_a_class_that_all_have_left_begins_anew_with_todays_capacity_and_length(capacity):
    service = make_class()
    cancel_booking(booking_id=make_booking(service, party_size=3).pk, actor=HERSELF)
    change(service, capacity=capacity, duration_minutes=90)

    booking = make_booking(service, party_size=4)

    session = Session.objects.get()
    assert (session.booked, session.capacity, session.ends_at) == (4, capacity, slot(hour=11, minute=30))
    assert cancel_booking(booking_id=booking.pk, actor=HERSELF).status == "cancelled"
    assert violated_invariants() == set()


def test_whoever_joins_a_class_stays_as_long_as_it_was_to_last():
    service = make_class()
    make_booking(service)
    change(service, duration_minutes=90)

    assert make_booking(service).ends_at == slot(hour=11)
    assert violated_invariants() == set()


def test_late_money_takes_no_place_in_a_class_that_is_shorter_now():
    service = make_paid_service(slug="retreat", capacity=2)
    late = hold_booking(service=service, starts_at=slot(), customer=CUSTOMER, actor=HERSELF).booking
    release_hold(booking_id=late.pk, actor=DESK)
    change(service, duration_minutes=15)
    hold_booking(service=service, starts_at=slot(), customer=CUSTOMER, actor=HERSELF)

    assert not accept_payment(booking_id=late.pk, actor=DESK)
    assert violated_invariants() == set()


@pytest.mark.parametrize("kind", ["staff", "room"])
def test_a_service_that_lists_somebody_is_not_to_be_had_without(kind):
    """The doctor on leave does not turn a consultation into one with the room alone, at any hour of the night."""
    service = make_service()
    room = add("room", service)
    (service.resources.filter(kind=kind)).update(is_active=False)

    assert offered(service) == []
    for starts_at in (slot(), slot(hour=3)):
        with pytest.raises(OutsideHours):
            make_booking(service, starts_at=starts_at)
    room.services.clear()
    assert (offered(service) != []) is (kind == "room")


def test_somebody_of_another_location_is_not_sold_in_this_ones_zone():
    service = make_service()
    elsewhere = Location.objects.create(name="New York", timezone="America/New_York")
    service.resources.update(location=elsewhere)

    assert offered(service) == []
    with pytest.raises(OutsideHours):
        make_booking(service)


@pytest.mark.parametrize("closing", ["the day", "the doctor"])
def test_late_money_brings_back_no_time_that_is_not_sold_any_more(closing):
    service = make_paid_service()
    late = hold_booking(service=service, starts_at=slot(), customer=CUSTOMER, actor=HERSELF).booking
    release_hold(booking_id=late.pk, actor=DESK)
    if closing == "the day":
        ScheduleException.objects.create(location=service.location, starts_at=slot(hour=0), ends_at=slot(hour=23))
    else:
        service.resources.update(is_active=False)

    assert not accept_payment(booking_id=late.pk, actor=DESK)
    assert Allocation.objects.filter(is_active=True).count() == 0


def test_nobody_joins_a_class_whose_room_is_closed():
    service = make_class()
    room = add("room", service)
    make_booking(service)
    ScheduleException.objects.create(
        location=service.location, resource=room, starts_at=slot(hour=0), ends_at=slot(hour=23)
    )

    assert offered(service) == []
    with pytest.raises(OutsideHours):
        make_booking(service)


def test_what_cannot_be_given_up_stops_no_other_request(caplog):
    """A class that counts too few people, which nothing makes, but a hand in the database might."""
    service = make_class(requires_confirmation=True)
    broken, other = make_booking(service), make_booking(service, starts_at=slot(hour=15))
    Session.objects.filter(pk=broken.session_id).update(booked=0)
    for minutes, booking in ((2, broken), (1, other)):
        answer_by = timezone.now() - timedelta(minutes=minutes)
        Booking.objects.filter(pk=booking.pk).update(answer_by=answer_by)

    assert expire_unanswered_requests() == 1

    statuses = [Booking.objects.get(pk=booking.pk).status for booking in (broken, other)]
    assert statuses == ["pending", "expired"]
    assert f"Failed to expire booking request {broken.pk}" in caplog.text


def test_a_party_larger_than_the_service_is_offered_nothing():
    service = make_service()

    assert find_free_slots(service, slot().date(), slot().date(), people=2) == []


def test_the_constraint_and_the_lock_see_what_a_longer_class_next_door_takes():
    """A class keeps its own length for those who join, so that the next visit of its teacher is safe."""
    service = make_class()
    make_booking(service)
    change(service, duration_minutes=90)
    make_booking(service)
    talk = make_service(slug="talk")
    talk.resources.set(service.resources.all())

    assert make_booking(talk, starts_at=slot(hour=11)).status == "pending"
    with pytest.raises(SlotTaken):
        make_booking(talk, starts_at=slot(hour=10, minute=45))
    assert violated_invariants() == set()
