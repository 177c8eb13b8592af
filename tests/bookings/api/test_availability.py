"""Free slots for a booking that is to be rescheduled."""

from uuid import uuid4

import pytest

from bookings.models import Booking, Service
from bookings.operations import cancel_booking, create_booking
from tests.builders.bookings import CUSTOMER, CUSTOMER_ACTOR, DESK, make_class, make_service, slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def only_slot():
    """A booking that takes the only slot of a day, with its manage token."""
    service = make_service(duration_minutes=9 * 60)
    return book(service)


def book(service, **fields):
    new_booking = create_booking(
        service=service, **{"starts_at": slot(hour=9), "customer": CUSTOMER, "actor": CUSTOMER_ACTOR, **fields}
    )
    return new_booking.booking, {"X-Booking-Token": new_booking.manage_token}


def availability(client, service, headers=None, **query):
    query = {"from": slot().date().isoformat(), **query}
    return client.get(f"/services/{service.slug}/availability", query, headers=headers or {})


def starts(response):
    assert response.status_code == 200, response.content
    return [free["starts_at"] for free in response.json()["slots"]]


def test_own_booking_counts_as_free_for_its_customer_and_for_staff(api, desk, only_slot):
    booking, token = only_slot

    assert starts(availability(api, booking.service)) == []
    assert starts(availability(api, booking.service, token, booking=booking.pk)) == [slot(hour=9).isoformat()]
    assert starts(availability(desk, booking.service, booking=booking.pk)) == [slot(hour=9).isoformat()]


def test_free_slots_for_a_booking_can_be_rescheduled_to(api):
    service = make_service(duration_minutes=60, slot_interval_minutes=15)
    booking, token = book(service, starts_at=slot(hour=10))

    offered = starts(availability(api, service, token, booking=booking.pk))
    overlapping = slot(hour=10, minute=15).isoformat()
    rescheduled = api.put(
        f"/bookings/{booking.pk}/reschedule", {"starts_at": overlapping}, format="json", headers=token
    )

    assert overlapping in offered
    assert (rescheduled.status_code, rescheduled.json()["starts_at"]) == (200, overlapping)


@pytest.mark.parametrize("caller", ["anonymous", "guess", "token of another booking"])
def test_booking_of_another_customer_looks_like_an_unknown_one(api, only_slot, caller):
    booking, _ = only_slot
    _, other_token = book(make_service(slug="other"))
    headers = {"anonymous": {}, "guess": {"X-Booking-Token": "guess"}, "token of another booking": other_token}[caller]

    known = availability(api, booking.service, headers, booking=booking.pk)
    unknown = availability(api, booking.service, headers, booking=uuid4())

    assert (known.status_code, unknown.status_code) == (404, 404)
    assert known.content == unknown.content


def test_unknown_booking_is_404_for_staff(desk, only_slot):
    booking, _ = only_slot

    assert availability(desk, booking.service, booking=uuid4()).status_code == 404


@pytest.mark.usefixtures("one_minute")
def test_guessed_tokens_count_against_the_rate_limit(api, only_slot, settings):
    settings.LIMIT_BOOKING_ACCESS_PER_MINUTE = 2
    booking, _ = only_slot

    guesses = [availability(api, booking.service, {"X-Booking-Token": "x"}, booking=booking.pk) for _ in range(3)]

    assert [guess.status_code for guess in guesses] == [404, 404, 429]
    assert availability(api, booking.service).status_code == 200


def test_booking_of_another_service_and_a_malformed_id_are_field_errors(api, only_slot):
    booking, token = only_slot
    other = make_service(slug="other")

    for response in (
        availability(api, other, token, booking=booking.pk),
        availability(api, other, token, booking="x"),
    ):
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == ["booking"]


def test_free_slots_for_a_booking_are_for_its_party(api):
    service = make_class(capacity=4, duration_minutes=9 * 60)
    booking, token = book(service, party_size=3)
    book(service)

    own = availability(api, service, token, booking=booking.pk)

    assert starts(own) == [slot(hour=9).isoformat()]
    assert own.json()["slots"][0]["places"] == 3
    book(service, starts_at=slot(hour=9, days=2), party_size=2)
    next_day = {"from": slot(days=2).date().isoformat()}
    assert starts(availability(api, service, token, booking=booking.pk, **next_day)) == []
    assert starts(availability(api, service, token, booking=booking.pk, party_size=2, **next_day)) != []


def test_finished_booking_makes_no_slot_free(api, only_slot):
    booking, token = only_slot
    cancel_booking(booking_id=booking.pk, actor=DESK)
    book(booking.service)

    assert starts(availability(api, booking.service, token, booking=booking.pk)) == []


def test_booking_of_a_service_that_is_not_offered_any_longer_has_free_slots(api, only_slot):
    booking, token = only_slot
    Service.objects.update(is_active=False)

    assert availability(api, booking.service).status_code == 404
    assert starts(availability(api, booking.service, token, booking=booking.pk)) == [slot(hour=9).isoformat()]
    assert Booking.objects.count() == 1
