"""The desk sees when a person is booked twice at the same time, and may book so."""

import pytest
from django.urls import reverse

from bookings.models import Booking
from bookings.operations import cancel_booking
from tests.builders.bookings import CUSTOMER, DESK, make_booking, make_service, slot
from tests.builders.callers import OTHER_ADDRESS, anonymous_caller

pytestmark = pytest.mark.django_db

LIST, ADD = reverse("admin:bookings_booking_changelist"), reverse("admin:bookings_booking_add")


def page_of(client, booking):
    return client.get(reverse("admin:bookings_booking_change", args=[booking.pk])).content.decode()


def test_list_and_booking_page_show_what_else_the_person_booked_at_that_time(front_desk):
    service = make_service(resources=3)
    first = make_booking(service, caller=anonymous_caller())
    second = make_booking(
        service, caller=anonymous_caller(OTHER_ADDRESS), customer={**CUSTOMER, "phone": "+919812340055"}
    )
    other_time = make_booking(service, starts_at=slot(hour=14))
    other_person = make_booking(service, customer={**CUSTOMER, "name": "Ravi"})

    listing = front_desk.get(LIST).content.decode()

    for booking, other in ((first, second), (second, first)):
        hint = f">{other.reference} at the same time<"
        assert hint in page_of(front_desk, booking)
        assert listing.count(hint) == 1
    assert not any("at the same time" in page_of(front_desk, booking) for booking in (other_time, other_person))


def test_hint_disappears_when_one_of_the_bookings_is_cancelled(front_desk):
    service = make_service(resources=2)
    first, second = make_booking(service), make_booking(service)
    before = page_of(front_desk, first)
    cancel_booking(booking_id=second.pk, actor=DESK)

    assert "at the same time" in before
    assert not any("at the same time" in page_of(front_desk, booking) for booking in (first, second))


def test_add_form_refuses_a_second_booking_at_the_same_time_until_staff_tick_the_box(front_desk):
    service = make_service(resources=2)
    data = {"service": service.pk, "starts_at": f"{slot():%Y-%m-%dT%H:%M}", "party_size": 1, **CUSTOMER}
    front_desk.post(ADD, {**data, "key": "7a1f0a52-3c7e-4c55-9c0e-0f4d7a1e9b10"})

    refused = front_desk.post(ADD, {**data, "key": "7a1f0a52-3c7e-4c55-9c0e-0f4d7a1e9b11"})
    allowed = front_desk.post(ADD, {**data, "key": "7a1f0a52-3c7e-4c55-9c0e-0f4d7a1e9b11", "allow_overlap": "on"})

    assert list(refused.context["form"].errors) == ["allow_overlap"]
    assert "tick the box" in refused.content.decode()
    assert (allowed.status_code, Booking.objects.count()) == (302, 2)
