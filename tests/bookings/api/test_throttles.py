import re

import pytest

from bookings.models import Booking
from tests.builders.bookings import booking_request, make_booking, make_hold, make_paid_service, make_service, slot
from tests.builders.callers import anonymous_caller, service_client, staff_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_minute")]


def test_booking_limit_is_per_client_address_and_returns_429_with_retry_after(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 2
    service = make_service()
    bodies = [booking_request(service, starts_at=slot(hour=hour).isoformat()) for hour in (10, 11, 12)]

    responses = [api.post("/bookings/", body, format="json") for body in bodies]
    other_network = api.post("/bookings/", bodies[2], format="json", REMOTE_ADDR="203.0.113.9")

    assert [response.status_code for response in responses] == [201, 201, 429]
    assert responses[2].json()["code"] == "throttled"
    assert 0 < int(responses[2]["Retry-After"]) <= 3600
    assert other_network.status_code == 201
    assert Booking.objects.count() == 3


def test_booking_limit_of_a_48_network_is_ten_times_that_of_a_64_network(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 1
    addresses = [f"2001:db8:0:{network:x}::1" for network in range(11)]

    by_networks = [api.post("/bookings/", {}, format="json", REMOTE_ADDR=address).status_code for address in addresses]
    of_another_site = api.post("/bookings/", {}, format="json", REMOTE_ADDR="2001:db8:1::1").status_code

    assert (by_networks, of_another_site) == ([400] * 10 + [429], 400)


def test_limits_of_open_bookings_return_the_same_429_as_the_rate_limit(api, settings):
    """A refusal must not reveal which phone numbers have bookings."""
    service = make_service()
    body = booking_request(service, starts_at=slot(hour=12).isoformat())
    make_booking(service, starts_at=slot(hour=10))
    refusals = []
    for setting in ("LIMIT_OPEN_BOOKINGS_PER_NUMBER", "LIMIT_OPEN_BOOKINGS_PER_CLIENT", "LIMIT_BOOKINGS_PER_HOUR"):
        make_booking(service, starts_at=slot(hour=11 + len(refusals) * 2), caller=anonymous_caller())
        setattr(settings, setting, 1)
        api.post("/bookings/", {**body, "service": ""}, format="json")
        refusals.append(api.post("/bookings/", body, format="json"))
        setattr(settings, setting, 0)

    assert {(response.status_code, response.json()["code"]) for response in refusals} == {(429, "throttled")}
    assert {re.sub(r"\d+ \w+", "…", response.json()["detail"]) for response in refusals} == {
        "Too many requests. Try again in …."
    }
    assert max(int(response["Retry-After"]) for response in refusals) <= 3600
    assert len({frozenset(set(response.headers) - {"Vary"}) for response in refusals}) == 1


def test_reschedule_counts_towards_the_booking_limit(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 3
    created = api.post("/bookings/", booking_request(make_service()), format="json").json()
    path, token = f"/bookings/{created['id']}/reschedule", {"X-Booking-Token": created["manage_token"]}

    statuses = [
        api.put(path, {"starts_at": slot(hour=hour).isoformat()}, format="json", headers=token).status_code
        for hour in (11, 12, 13)
    ]

    assert statuses == [200, 200, 429]


def test_booking_access_limit_stops_token_guessing_and_exempts_staff(api, desk, settings):
    settings.LIMIT_BOOKING_ACCESS_PER_MINUTE = 2
    path = f"/bookings/{make_booking().pk}"

    guesses = [api.get(path, headers={"X-Booking-Token": f"guess {number}"}) for number in range(2)]
    cancellation = api.post(f"{path}/cancel", headers={"X-Booking-Token": "guess"})
    booking_list = api.get("/bookings/", headers={"X-Booking-Token": "guess"})

    assert [response.status_code for response in (*guesses, cancellation, booking_list)] == [404, 404, 429, 429]
    assert [desk.get(path).status_code for _ in range(3)] == [200, 200, 200]


def test_unpaid_hold_returns_409_with_retry_after(api, settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service()
    make_hold(service, starts_at=slot(hour=11), caller=anonymous_caller())

    response = api.post("/bookings/razorpay-booking", booking_request(service), format="json")

    assert (response.status_code, response.json()["code"]) == (409, "hold_open")
    assert 0 < int(response["Retry-After"]) <= 15 * 60


def test_service_token_has_a_booking_limit_of_its_own(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR, settings.LIMIT_SERVICE_TOKEN_BOOKINGS_PER_HOUR = 1, 2
    service = make_service()
    bodies = [booking_request(service, starts_at=slot(hour=hour).isoformat()) for hour in (10, 11, 12, 13)]
    website, kiosk = service_client("Website"), service_client("Kiosk")

    statuses = [website.post("/bookings/", body, format="json").status_code for body in bodies[:3]]

    assert statuses == [201, 201, 429]
    assert api.post("/bookings/", bodies[2], format="json").status_code == 201
    assert kiosk.post("/bookings/", bodies[3], format="json").status_code == 201


def test_service_token_has_an_access_limit_of_its_own(settings):
    settings.LIMIT_BOOKING_ACCESS_PER_MINUTE, settings.LIMIT_SERVICE_TOKEN_ACCESS_PER_MINUTE = 1, 2
    website = service_client()

    assert [website.get("/bookings/").status_code for _ in range(3)] == [200, 200, 429]


def test_staff_token_has_no_booking_limit(settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 1
    service, desk = make_service(), staff_client()
    bodies = [booking_request(service, starts_at=slot(hour=hour).isoformat()) for hour in (10, 11, 12)]

    assert [desk.post("/bookings/", body, format="json").status_code for body in bodies] == [201] * 3


def test_repeat_without_key_is_not_limited(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 1
    body = booking_request(make_service())
    first = api.post("/bookings/", body, format="json")

    assert api.post("/bookings/", body, format="json").content == first.content
    assert api.post("/bookings/", {**body, "notes": "another"}, format="json").status_code == 429
