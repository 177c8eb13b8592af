"""Which requests mean the same, and whose keys they carry."""

import json
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from bookings.api.keyed_request import canonical_input
from bookings.models import Booking, IdempotencyKey
from tests.builders.bookings import CUSTOMER, booking_request, make_service, slot
from tests.builders.callers import OTHER_ADDRESS, service_client

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "1"}  # a weak one, as some clients send


def post(client, body, *, headers=KEY, **extra):
    return client.post("/bookings/", json.dumps(body), content_type="application/json", headers=headers, **extra)


SAME_MEANING = [
    {"starts_at": slot().astimezone(UTC).isoformat()},
    {"starts_at": slot().astimezone(ZoneInfo("America/New_York")).isoformat()},
    {"customer": {**CUSTOMER, "phone": "098123 40003"}},
    {"customer": {**CUSTOMER, "phone": "+91 (98123) 40-003"}},
    {"customer": {**CUSTOMER, "email": "Meera@Example.com"}},
    {"customer": {**CUSTOMER, "name": " Meera Iyer "}},
    {"customer": dict(reversed(CUSTOMER.items()))},
    {"party_size": 1},
    {"party_size": "1"},
    {"notes": ""},
    {"resource": None},
    {"allow_overlap": False},
]


@pytest.mark.parametrize("change", SAME_MEANING)
@pytest.mark.parametrize("headers", [KEY, {}])
def test_repeat_that_means_the_same_is_replayed(api, change, headers):
    body = booking_request(make_service(resources=2))
    first = post(api, body, headers=headers)

    repeat = post(api, {**body, **change}, headers=headers)

    assert (repeat.status_code, repeat.content) == (201, first.content)
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": slot(hour=11).isoformat()},
        {"customer": {**CUSTOMER, "name": "Ravi"}},
        {"party_size": 2},
        {"notes": "x"},
        {"service": "other"},
        {"resource": "x"},
        {"starts_at": "soon"},
    ],
)
def test_other_body_of_the_same_customer_is_422(api, change):
    body = booking_request(make_service(resources=2))
    first = post(api, body)

    other = post(api, {**body, **change})

    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert post(api, body).content == first.content


@pytest.mark.parametrize("contact", [{"phone": "+919812340004"}, {"email": "ravi@example.com"}])
def test_same_key_of_two_customers_books_for_both(api, contact):
    body = booking_request(make_service(resources=2))

    first, second = post(api, body), post(api, {**body, "customer": {**CUSTOMER, "name": "Ravi", **contact}})

    assert (first.status_code, second.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in second
    assert (second.json()["customer"]["name"], Booking.objects.count()) == ("Ravi", 2)


@pytest.mark.parametrize(
    "customer",
    [None, "Meera", [], {}, {"phone": ["x"]}, {"phone": "1", "email": "x"}, {"name": "\ud800", "email": "\ud800"}, 5],
)
def test_body_that_names_no_customer_is_refused_by_validation(api, customer):
    body = booking_request(make_service(resources=2))
    post(api, body)

    broken = post(api, {**body, "customer": customer})

    assert (broken.status_code, broken.json()["code"]) == (400, "invalid_input")
    assert (Booking.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


def test_anonymous_key_works_from_another_address(api):
    """A phone that changes from mobile data to Wi-Fi between the request and its repeat."""
    body = booking_request(make_service(resources=2))
    first = post(api, body)

    assert post(api, body, REMOTE_ADDR=OTHER_ADDRESS).content == first.content


def test_key_of_a_service_token_belongs_to_the_token(api):
    body = booking_request(make_service(resources=3))

    responses = [post(client, body) for client in (service_client("Website"), service_client("Kiosk"), api)]

    assert len({response.json()["id"] for response in responses}) == 3


def test_canonical_input_of_any_json_does_not_fail():
    values = [None, True, 0, -1, 1e400, "", "\ud800", [], {}, [{}], {"a": []}, "0001-01-01T00:00:00+23:59"]

    for value in values:
        names = ("service", "resource", "starts_at", "customer", "party_size", "notes", "allow_overlap")
        assert canonical_input(dict.fromkeys(names, value)) is not None
        assert canonical_input({"customer": dict.fromkeys(CUSTOMER, value)}) is not None


def test_scope_and_key_of_a_stored_row_name_no_customer(api):
    post(api, booking_request(make_service()))
    row = IdempotencyKey.objects.get()

    assert not any(value in f"{row.scope}{row.key_hash}{row.fingerprint}" for value in CUSTOMER.values())
