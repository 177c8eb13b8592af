"""Times without an offset are local times of the location, whose zone is not that of the server."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookings.models import Booking, Location, WorkingHours
from tests.builders.bookings import (
    DESK,
    booking_request,
    make_booking,
    make_paid_service,
    make_service,
    next_dst_transitions,
    slot,
)

pytestmark = pytest.mark.django_db

NEW_YORK = ZoneInfo("America/New_York")


def in_new_york(service):
    """Move the service's location to New York, open around the clock, a year ahead."""
    Location.objects.filter(pk=service.location_id).update(timezone=NEW_YORK.key)
    WorkingHours.objects.update(opens_at=time(0), closes_at=time(23, 45))
    type(service).objects.update(horizon_days=400, slot_interval_minutes=30)
    service.refresh_from_db()
    return service


def errors(response):
    return {error["field"]: error["detail"] for error in response.json()["errors"]}


def local(start, hour):
    """Return the ISO 8601 text of that hour on the day after tomorrow, without an offset."""
    return datetime.combine(start.date() + timedelta(days=1), time(hour)).isoformat()


def noon():
    return datetime.fromisoformat(local(slot(), 12)).replace(tzinfo=NEW_YORK)


def transition_days():
    """Return the next days in New York on which DST begins and ends."""
    days = next_dst_transitions(NEW_YORK)
    return sorted(days[:2], key=lambda day: day.month)  # March, November


def test_new_booking_without_an_offset_is_at_that_local_time(api):
    service = in_new_york(make_service())
    at = local(slot(), 10)

    response = api.post("/bookings/", booking_request(service, starts_at=at), format="json")

    assert response.status_code == 201
    assert Booking.objects.get().starts_at == datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)
    assert response.json()["starts_at"].startswith(at)


@pytest.mark.django_db(transaction=True)
def test_checkout_without_an_offset_is_at_that_local_time(api, sandbox):
    service = in_new_york(make_paid_service())
    at = local(slot(), 10)

    response = api.post("/bookings/razorpay-booking", booking_request(service, starts_at=at), format="json")

    assert response.status_code == 201
    assert Booking.objects.get().starts_at == datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)


def test_reschedule_without_an_offset_is_at_that_local_time(desk):
    booking = make_booking(in_new_york(make_service()), starts_at=noon(), actor=DESK)
    at = local(slot(), 15)

    response = desk.put(f"/bookings/{booking.pk}/reschedule", {"starts_at": at}, format="json")

    assert response.status_code == 200
    assert Booking.objects.get().starts_at == datetime.fromisoformat(at).replace(tzinfo=NEW_YORK)


def test_reschedule_of_an_unknown_booking_without_an_offset_is_404(desk):
    path = "/bookings/00000000-0000-4000-8000-000000000000/reschedule"

    assert desk.put(path, {"starts_at": local(slot(), 15)}, format="json").status_code == 404


def test_time_with_an_offset_is_that_time(api):
    service = in_new_york(make_service())
    at = datetime.fromisoformat(local(slot(), 10)).replace(tzinfo=NEW_YORK)

    response = api.post("/bookings/", booking_request(service, starts_at=at.astimezone(UTC).isoformat()), format="json")

    assert (response.status_code, Booking.objects.get().starts_at) == (201, at)


def test_local_time_that_dst_skips_is_refused_and_says_so(api, desk):
    service = in_new_york(make_service())
    booking = make_booking(service, starts_at=noon(), actor=DESK)
    at = datetime.combine(transition_days()[0], time(2, 30)).isoformat()

    responses = [
        api.post("/bookings/", booking_request(service, starts_at=at), format="json"),
        desk.put(f"/bookings/{booking.pk}/reschedule", {"starts_at": at}, format="json"),
        desk.get("/bookings/", {"starts_from": at}),
    ]

    assert [response.status_code for response in responses] == [400] * 3
    refusals = [errors(response) for response in responses]
    assert [list(refusal) for refusal in refusals] == [["starts_at"], ["starts_at"], ["starts_from"]]
    assert all("does not exist" in text for refusal in refusals for text in refusal.values())


def test_local_time_that_occurs_twice_is_the_first_one(api):
    service = in_new_york(make_service())
    at = datetime.combine(transition_days()[1], time(1, 30))

    first = api.post("/bookings/", booking_request(service, starts_at=at.isoformat()), format="json")
    second = api.post("/bookings/", booking_request(service, starts_at=f"{at.isoformat()}-05:00"), format="json")

    assert [response.json()["starts_at"][-6:] for response in (first, second)] == ["-04:00", "-05:00"]


def test_filters_without_an_offset_are_local_times(desk):
    service = in_new_york(make_service())
    at = local(slot(), 10)
    booking = make_booking(service, starts_at=datetime.fromisoformat(at).replace(tzinfo=NEW_YORK), actor=DESK)

    def references(**query):
        return [row["reference"] for row in desk.get("/bookings/", query).json()["results"]]

    assert references(starts_from=at) == [booking.reference]
    assert references(starts_from=local(slot(), 11)) == []
    assert references(starts_before=local(slot(), 11), starts_from=local(slot(), 10)) == [booking.reference]
    assert references(starts_before=at) == []


def test_filter_without_an_offset_needs_a_service_if_locations_have_several_zones(desk):
    service = in_new_york(make_service())
    at = local(slot(), 10)
    make_booking(service, starts_at=datetime.fromisoformat(at).replace(tzinfo=NEW_YORK), actor=DESK)
    Location.objects.create(name="Berlin", timezone="Europe/Berlin")

    refused = desk.get("/bookings/", {"starts_from": at})

    assert (refused.status_code, list(errors(refused))) == (400, ["starts_from"])
    assert "offset" in errors(refused)["starts_from"]
    assert len(desk.get("/bookings/", {"starts_from": at, "service": service.slug}).json()["results"]) == 1
