import pytest

from bookings.exceptions import PartyTooLarge, SlotTaken
from bookings.models import Allocation, Session
from bookings.operations import cancel_booking
from tests.factories import CUSTOMER_ACTOR, make_booking, make_class, make_service, try_to_book

pytestmark = pytest.mark.django_db


def test_session_is_shared_until_its_capacity_is_reached():
    service = make_class()

    bookings = [make_booking(service, party_size=people) for people in (5, 4, 3)]

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
