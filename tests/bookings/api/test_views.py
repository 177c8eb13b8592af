"""The booking endpoints: responses and permissions."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from bookings.models import Booking, Location, Resource
from bookings.operations import confirm_booking, create_booking
from foundation.events import Actor, ActorKind
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, DESK, KOLKATA, booking_request, make_booking, make_service, slot

pytestmark = pytest.mark.django_db


@pytest.fixture
def booking_and_token():
    """A booking and the headers with its manage token."""
    new_booking = create_booking(
        service=make_service(), starts_at=slot(), customer=CUSTOMER, actor=Actor(ActorKind.CUSTOMER)
    )
    return new_booking.booking, {"X-Booking-Token": new_booking.manage_token}


def move_past_cutoff(booking):
    Booking.objects.filter(pk=booking.pk).update(starts_at=timezone.now() + timedelta(minutes=60))


def status_and_code(response):
    return response.status_code, response.json().get("code")


def test_availability_lists_free_slots_in_the_zone_of_the_location(api):
    service = make_service(slot_interval_minutes=60)
    make_booking(service, starts_at=slot(hour=10))
    day = slot().date()

    response = api.get(f"/services/{service.slug}/availability", {"from": day})

    slots = response.json()["slots"]
    assert (response.status_code, response.json()["timezone"]) == (200, "Asia/Kolkata")
    assert [free["starts_at"] for free in slots] == [
        slot(hour=hour).astimezone(KOLKATA).isoformat() for hour in (9, 11, 12, 13, 14, 15, 16, 17)
    ]
    assert slots[0]["resources"] == [service.resources.get().pk]
    assert slots[0]["places"] == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"statsu": "pending"}, "statsu"),
        ({"status": "x"}, "status"),
        ({"status": ""}, "status"),
        ({"service": "nothing"}, "service"),
        ({"resource": "1e400"}, "resource"),
        ({"resource": "99"}, "resource"),
        ({"starts_from": "tomorrow"}, "starts_from"),
        ({"starts_before": "0000-01-01T00:00:00Z"}, "starts_before"),
        ({"phone": "12345"}, "phone"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "101"}, "page_size"),
        ({"page_size": "many"}, "page_size"),
    ],
)
def test_booking_list_with_an_invalid_filter_is_400(desk, query, field):
    make_booking()

    response = desk.get("/bookings/", query)

    assert status_and_code(response) == (400, "invalid_input")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_booking_list_filters(desk):
    service, other = make_service(), make_service(slug="other")
    early, late = (make_booking(service, starts_at=slot(hour=hour)) for hour in (10, 12))
    other_booking = make_booking(other, customer={**CUSTOMER, "phone": "+919812340009"})
    confirm_booking(booking_id=late.pk, actor=DESK)

    def list_references(**query):
        return {row["reference"] for row in desk.get("/bookings/", query).json()["results"]}

    assert list_references() == {early.reference, late.reference, other_booking.reference}
    assert list_references(status="confirmed") == {late.reference}
    assert list_references(reference=early.reference) == {early.reference}
    assert list_references(service="other") == {other_booking.reference}
    assert list_references(resource=other.resources.get().pk) == {other_booking.reference}
    assert list_references(phone="98123 40009") == {other_booking.reference}
    assert list_references(starts_from=slot(hour=12).isoformat()) == {late.reference}
    assert list_references(starts_before=slot(hour=12).isoformat(), service="consultation") == {early.reference}


def test_booking_list_page_size(desk):
    service = make_service()
    for hour in (10, 11, 12):
        make_booking(service, starts_at=slot(hour=hour))

    page = desk.get("/bookings/", {"page_size": 2}).json()
    rest = desk.get(page["next"]).json()

    assert (len(page["results"]), len(rest["results"]), rest["next"]) == (2, 1, None)


def test_service_list_names_the_bookable_resources(api):
    service = make_service(resources=3)
    bookable, inactive, elsewhere = service.resources.all()
    Resource.objects.filter(pk=inactive.pk).update(is_active=False)
    elsewhere.locations.set([Location.objects.create(name="Elsewhere")])

    (listed,) = api.get("/services/").json()

    assert [resource["id"] for resource in listed["resources"]] == [bookable.pk]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "from"),
        ({"from": "2026-12-01", "day": "2026-12-01"}, "day"),
        ({"from": "tomorrow"}, "from"),
        ({"from": "2026-12-02", "to": "2026-12-01"}, "to"),
        ({"from": "2026-12-01", "to": "2027-12-01"}, "to"),
        ({"from": "2026-12-01", "resource": "1e400"}, "resource"),
        ({"from": "2026-12-01", "resource": "99"}, "resource"),
        ({"from": "2026-12-01", "resource": ""}, "resource"),
        ({"from": "2026-12-01", "party_size": "0"}, "party_size"),
        ({"from": "2026-12-01", "party_size": ""}, "party_size"),
    ],
)
def test_availability_with_invalid_query_params_is_400(api, query, field):
    make_service()

    response = api.get("/services/consultation/availability", query)

    assert status_and_code(response) == (400, "invalid_input")
    assert [error["field"] for error in response.json()["errors"]] == [field]


def test_availability_of_an_unknown_or_inactive_service_is_404(api):
    make_service(is_active=False)

    for slug in ("consultation", "nothing"):
        assert status_and_code(api.get(f"/services/{slug}/availability", {"from": "2026-12-01"})) == (404, "not_found")


def test_taken_slot_is_refused_with_alternatives(api):
    service = make_service()
    make_booking(service)

    response = api.post("/bookings/", booking_request(service), format="json")

    nearest = [slot(hour=9, minute=15), slot(hour=9, minute=30), slot(hour=10, minute=30)]
    assert status_and_code(response) == (409, "slot_taken")
    assert response.json()["alternatives"] == [at.isoformat() for at in nearest]


def test_manage_token_views_reschedules_and_cancels_its_booking(api, booking_and_token):
    booking, token = booking_and_token
    path = f"/bookings/{booking.pk}"

    viewed = api.get(path, headers=token)
    rescheduled = api.put(f"{path}/reschedule", {"starts_at": slot(hour=15).isoformat()}, format="json", headers=token)
    cancelled = [api.post(f"{path}/cancel", headers=token) for _ in range(2)]

    assert [response.status_code for response in (viewed, rescheduled, *cancelled)] == [200] * 4
    assert (rescheduled.json()["starts_at"], rescheduled.json()["version"]) == (slot(hour=15).isoformat(), 2)
    assert [(response.json()["status"], response.json()["version"]) for response in cancelled] == [("cancelled", 3)] * 2
    assert set(booking.events.values_list("actor", flat=True)) == {"customer"}


def test_booking_list_with_a_manage_token_lists_its_own_booking_only(api, booking_and_token):
    booking, token = booking_and_token
    make_booking(make_service(slug="other"))

    own = api.get("/bookings/", headers=token)
    guessed = api.get("/bookings/", headers={"X-Booking-Token": "guess"})
    anonymous = api.get("/bookings/")

    assert [row["id"] for row in own.json()["results"]] == [str(booking.pk)]
    assert {status_and_code(guessed), status_and_code(anonymous)} == {(401, "not_authenticated")}


@pytest.mark.parametrize("verb", ["confirm", "decline", "complete", "no-show"])
def test_manage_token_cannot_perform_staff_transitions(api, booking_and_token, verb):
    booking, token = booking_and_token

    assert status_and_code(api.put(f"/bookings/{booking.pk}/{verb}", headers=token)) == (401, "not_authenticated")


@pytest.mark.parametrize(("method", "verb"), [("post", "cancel"), ("put", "reschedule")])
def test_unknown_booking_gets_the_same_404_as_one_of_another_customer(api, booking_and_token, method, verb):
    booking, _ = booking_and_token
    body = {"starts_at": slot(hour=15).isoformat()}
    other_token = {
        "X-Booking-Token": create_booking(
            service=make_service(slug="other"), starts_at=slot(), customer=CUSTOMER, actor=Actor(ActorKind.CUSTOMER)
        ).manage_token
    }
    unknown = "00000000-0000-4000-8000-000000000000"

    responses = [
        getattr(api, method)(f"/bookings/{key}/{verb}", body, format="json", headers=headers)
        for key in (booking.pk, unknown)
        for headers in ({}, other_token, {"X-Booking-Token": "x" * 5000})
    ]

    bodies = {response.content.replace(str(booking.pk).encode(), unknown.encode()) for response in responses}
    assert {status_and_code(response) for response in responses} == {(404, "not_found")}
    assert len(bodies) == 1
    booking.refresh_from_db()
    assert booking.version == 1


def test_cutoff_applies_to_customers_but_not_to_staff(api, desk, booking_and_token):
    booking, token = booking_and_token
    move_past_cutoff(booking)
    path = f"/bookings/{booking.pk}"

    refusals = [
        api.post(f"{path}/cancel", headers=token),
        api.put(f"{path}/reschedule", {"starts_at": slot(hour=15).isoformat()}, format="json", headers=token),
    ]
    cancelled = desk.post(f"{path}/cancel")

    assert [status_and_code(response) for response in refusals] == [(409, "too_late_to_change")] * 2
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")


def test_staff_without_permission_are_403(api, booking_and_token):
    booking, _ = booking_and_token
    api.force_authenticate(make_staff("view_only_user", group=None))
    path = f"/bookings/{booking.pk}"

    responses = [
        *(api.put(f"{path}/{verb}") for verb in ("confirm", "decline", "complete", "no-show", "reschedule")),
        api.post(f"{path}/cancel"),
    ]

    assert [status_and_code(response) for response in responses] == [(403, "permission_denied")] * 6


def test_decline_repeated_changes_nothing(desk, booking_and_token):
    booking, _ = booking_and_token

    responses = [desk.put(f"/bookings/{booking.pk}/decline") for _ in range(2)]

    assert [(response.status_code, response.json()["version"]) for response in responses] == [(200, 2), (200, 2)]


def test_no_show_before_the_visit_is_refused(desk, booking_and_token):
    booking, _ = booking_and_token
    confirm_booking(booking_id=booking.pk, actor=DESK)
    path = f"/bookings/{booking.pk}/no-show"

    before_start = desk.put(path)
    Booking.objects.update(starts_at=timezone.now())
    after_start = desk.put(path)

    assert status_and_code(before_start) == (409, "too_early")
    assert (after_start.status_code, after_start.json()["status"]) == (200, "no_show")


def test_completing_before_the_day_of_the_visit_is_refused(desk, booking_and_token):
    booking, _ = booking_and_token
    confirm_booking(booking_id=booking.pk, actor=DESK)
    path = f"/bookings/{booking.pk}/complete"

    before_its_day = desk.put(path)
    Booking.objects.update(starts_at=timezone.now())
    on_its_day = desk.put(path)

    assert status_and_code(before_its_day) == (409, "too_early")
    assert (on_its_day.status_code, on_its_day.json()["status"]) == (200, "completed")


def test_reschedule_by_the_customer_responds_with_the_pending_booking_and_its_limits(api, booking_and_token):
    booking, token = booking_and_token
    confirm_booking(booking_id=booking.pk, actor=DESK)
    body = {"starts_at": slot(days=7, hour=15).isoformat()}

    response = api.put(f"/bookings/{booking.pk}/reschedule", body, format="json", headers=token)

    result = response.json()
    cutoff = slot(days=7, hour=13).astimezone(KOLKATA).isoformat()
    assert (response.status_code, result["status"]) == (200, "pending")
    assert (result["cancel_until"], result["reschedule_until"]) == (cutoff, cutoff)
    assert result["answer_by"] is not None


def test_only_managers_correct_a_no_show(desk, booking_and_token):
    booking, _ = booking_and_token
    Booking.objects.update(status="no_show", answer_by=None, starts_at=timezone.now())
    path = f"/bookings/{booking.pk}/complete"

    refusal = desk.put(path)
    manager = make_staff("manager", group="Managers")
    assert manager.has_perm("bookings.correct_booking")
    desk.force_authenticate(manager)
    correction = desk.put(path)

    assert status_and_code(refusal) == (409, "invalid_transition")
    assert (correction.status_code, correction.json()["status"]) == (200, "completed")


@pytest.mark.parametrize("name", ["\u200b", "\u202eMeera", "Meera\x07", "Meera\nIyer", "\u3164"])
def test_name_that_cannot_be_read_is_a_field_error(api, name):
    response = api.post(
        "/bookings/", booking_request(make_service(), customer={**CUSTOMER, "name": name}), format="json"
    )

    assert status_and_code(response) == (400, "invalid_input")
    assert [error["field"] for error in response.json()["errors"]] == ["customer.name"]


def test_name_and_notes_are_normalized_before_they_are_measured(api):
    decomposed = "e\u0301" * 120
    body = booking_request(
        make_service(), customer={**CUSTOMER, "name": decomposed}, notes="\u202eRamp\r\nat\x00 the back\u200b"
    )

    response = api.post("/bookings/", body, format="json")

    assert response.status_code == 201
    assert response.json()["customer"]["name"] == "\u00e9" * 120
    assert response.json()["notes"] == "Ramp\nat the back"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"starts_at": slot(hour=3).isoformat()}, (422, "outside_hours")),
        ({"starts_at": slot(days=-1).isoformat()}, (422, "outside_hours")),
        ({"starts_at": slot(days=400).isoformat()}, (422, "outside_hours")),
        ({"starts_at": slot(minute=7).isoformat()}, (422, "outside_hours")),
        ({"party_size": 2}, (422, "party_too_large")),
    ],
)
def test_create_outside_hours_or_above_capacity_is_422(api, changes, expected):
    service = make_service()

    assert status_and_code(api.post("/bookings/", booking_request(service, **changes), format="json")) == expected
    assert not Booking.objects.exists()


@pytest.mark.parametrize(("capacity", "people"), [(1, "1 person"), (2, "2 people")])
def test_party_too_large_states_how_many_people_fit(api, capacity, people):
    body = booking_request(make_service(capacity=capacity), party_size=3)

    detail = api.post("/bookings/", body, format="json").json()["detail"]

    assert detail == f"This service takes at most {people} at a time. Book for fewer people."


def test_reschedule_permission_suffices_to_reschedule(api, booking_and_token):
    booking, _ = booking_and_token
    user = make_staff("rescheduler", group=None)
    user.user_permissions.add(Permission.objects.get(codename="reschedule_booking"))
    api.force_authenticate(user)

    response = api.put(
        f"/bookings/{booking.pk}/reschedule", {"starts_at": slot(hour=15, minute=5).isoformat()}, format="json"
    )

    assert (response.status_code, response.json()["starts_at"]) == (200, slot(hour=15, minute=5).isoformat())
