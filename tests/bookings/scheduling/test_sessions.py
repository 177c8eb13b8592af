import pytest

from bookings.exceptions import OutsideHours, PartyTooLarge, SlotTaken
from bookings.models import Allocation, ScheduleException, Service, Session
from bookings.operations import cancel_booking
from bookings.scheduling.availability import find_free_slots
from tests.builders.bookings import CUSTOMER_ACTOR, make_booking, make_class, make_room, make_service, slot, try_to_book
from tests.invariants import violated_invariants

pytestmark = pytest.mark.django_db


def change_service(service, **fields):
    Service.objects.filter(pk=service.pk).update(**fields)
    service.refresh_from_db()


def free_slots(service):
    return find_free_slots(service, slot().date(), slot().date())


def test_session_is_shared_until_its_capacity_is_reached():
    service = make_class()

    bookings = [make_booking(service, party_size=party_size) for party_size in (5, 4, 3)]

    session = Session.objects.get()
    assert (session.booked, {booking.session for booking in bookings}) == (12, {session})
    assert Allocation.objects.filter(is_active=True).count() == 1
    with pytest.raises(SlotTaken):
        make_booking(service)


def test_party_larger_than_the_capacity_is_rejected():
    with pytest.raises(PartyTooLarge, match="at most 12"):
        make_booking(make_class(), party_size=13)


def test_cancelled_place_can_be_booked_again():
    service = make_class(capacity=2)
    first, _ = make_booking(service), make_booking(service)

    cancel_booking(booking_id=first.pk, actor=CUSTOMER_ACTOR)

    assert try_to_book(service)
    assert not try_to_book(service)


def test_empty_session_releases_its_resource_and_can_restart():
    service = make_class()
    other = make_service(slug="consultation")
    other.resources.add(service.resources.get())
    booking = make_booking(service)
    cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)

    consultation = make_booking(other, resource=service.resources.get())

    assert not try_to_book(service)
    cancel_booking(booking_id=consultation.pk, actor=CUSTOMER_ACTOR)
    assert try_to_book(service)
    assert (Session.objects.get().booked, Allocation.objects.filter(is_active=True).count()) == (1, 1)


@pytest.mark.parametrize("capacity", [4, 24])
def test_empty_session_restarts_with_the_current_capacity_and_length(capacity):
    service = make_class(duration_minutes=60)
    cancel_booking(booking_id=make_booking(service, party_size=3).pk, actor=CUSTOMER_ACTOR)
    change_service(service, capacity=capacity, duration_minutes=90)

    booking = make_booking(service, party_size=4)

    session = Session.objects.get()
    assert (session.booked, session.capacity, session.ends_at) == (4, capacity, slot(hour=11, minute=30))
    assert cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR).status == "cancelled"
    assert violated_invariants() == set()


def test_session_keeps_its_length_for_later_bookings():
    service = make_class(duration_minutes=60)
    make_booking(service)
    change_service(service, duration_minutes=90)

    assert make_booking(service).ends_at == slot(hour=11)
    assert violated_invariants() == set()


def test_session_blocks_its_resource_for_its_own_length():
    service = make_class(duration_minutes=60)
    make_booking(service)
    change_service(service, duration_minutes=90)
    make_booking(service)
    other = make_service(slug="talk")
    other.resources.set(service.resources.all())

    assert make_booking(other, starts_at=slot(hour=11)).status == "pending"
    with pytest.raises(SlotTaken):
        make_booking(other, starts_at=slot(hour=10, minute=45))
    assert violated_invariants() == set()


def test_session_in_a_closed_room_is_not_bookable():
    service = make_class(duration_minutes=60)
    room = make_room(service)
    make_booking(service)
    ScheduleException.objects.create(
        location=service.location, resource=room, starts_at=slot(hour=0), ends_at=slot(hour=23)
    )

    assert free_slots(service) == []
    with pytest.raises(OutsideHours):
        make_booking(service)
