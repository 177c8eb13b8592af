import json

import pytest

from bookings.models import Booking
from bookings.operations import confirm_booking
from notifications.models import Notification
from payments.models import PaymentOrder
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_booking, make_paid_service, make_service, slot
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db

UNKNOWN = "00000000-0000-0000-0000-000000000000"


def assert_nothing_written():
    assert (Booking.objects.count(), Notification.objects.count(), PaymentOrder.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"service": "no-such-service"}, ["service"]),
        ({"service": None}, ["service"]),
        ({"service": "nul\x00"}, ["service"]),
        ({"starts_at": "tomorrow at ten"}, ["starts_at"]),
        ({"starts_at": "2026-13-45T99:99:99Z"}, ["starts_at"]),
        ({"starts_at": "0000-01-01T00:00:00Z"}, ["starts_at"]),
        ({"starts_at": 10**40}, ["starts_at"]),
        ({"resource": 10**40}, ["resource"]),
        ({"resource": "x"}, ["resource"]),
        ({"resource": True}, ["resource"]),
        ({"party_size": 0}, ["party_size"]),
        ({"party_size": 10**30}, ["party_size"]),
        ({"notes": "x" * 1001}, ["notes"]),
        ({"customer": None}, ["customer"]),
        ({"customer": "Meera"}, ["customer"]),
        ({"customer": [CUSTOMER]}, ["customer"]),
        ({"customer": {}}, ["customer.email", "customer.name", "customer.phone"]),
        ({"customer": {**CUSTOMER, "phone": "12345"}}, ["customer.phone"]),
        ({"customer": {**CUSTOMER, "phone": "call me"}}, ["customer.phone"]),
        ({"customer": {**CUSTOMER, "email": "meera@"}}, ["customer.email"]),
        ({"customer": {**CUSTOMER, "email": "méera@example.com"}}, ["customer.email"]),
        ({"customer": {**CUSTOMER, "email": "meera@localhost"}}, ["customer.email"]),
        ({"customer": {**CUSTOMER, "email": "meera@[127.0.0.1]"}}, ["customer.email"]),
        ({"customer": {**CUSTOMER, "email": "meera@example.com."}}, ["customer.email"]),
        ({"customer": {**CUSTOMER, "email": '"mee\x01ra"@example.com'}}, ["customer.email"]),
        ({"customer": {**CUSTOMER, "name": ""}}, ["customer.name"]),
        ({"customer": {**CUSTOMER, "name": "\ud800"}}, ["customer.name"]),
        ({"customer": {**CUSTOMER, "name": "x" * 121}}, ["customer.name"]),
    ],
)
@pytest.mark.parametrize("path", ["/bookings/", "/bookings/razorpay-booking"])
def test_invalid_input_names_each_field(api, path, change, fields):
    make_service()
    body = {"service": "consultation", "starts_at": slot().isoformat(), "customer": CUSTOMER, **change}

    assert_problem(api.post(path, json.dumps(body), content_type="application/json"), 400, "invalid_input", fields)
    assert_nothing_written()


NO_RESOURCE = "There is no resource 999. GET /services/ lists those of each service."
NO_RESOURCE_ID = "Send the id of a resource, a whole number. GET /services/ lists those of each service."


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("service", "no-such-service", 'There is no service "no-such-service". GET /services/ lists them.'),
        ("service", {"slug": "consultation"}, "Send the slug of a service. GET /services/ lists them."),
        ("resource", 999, NO_RESOURCE),
        ("resource", "x", NO_RESOURCE_ID),
        ("resource", True, NO_RESOURCE_ID),
        ("resource", "9" * 2000, NO_RESOURCE_ID),
        ("customer", "Meera", "Send an object with the members name, phone and email."),
    ],
)
def test_invalid_reference_says_what_to_send(api, name, value, detail):
    body = booking_request(make_service()) | {name: value}

    (error,) = assert_problem(api.post("/bookings/", body, format="json"), 400, "invalid_input", [name])["errors"]

    assert error["detail"] == detail


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/bookings/?service=x", 'There is no service "x". GET /services/ lists them.'),
        ("/bookings/?resource=999", NO_RESOURCE),
        ("/bookings/?resource=x", NO_RESOURCE_ID),
        ("/services/consultation/availability?from=2026-12-01&resource=999", NO_RESOURCE),
        ("/services/consultation/availability?from=2026-12-01&resource=x", NO_RESOURCE_ID),
    ],
)
def test_invalid_reference_in_a_query_says_what_to_send(desk, path, detail):
    make_service()

    (error,) = assert_problem(desk.get(path), 400, "invalid_input")["errors"]

    assert error["detail"] == detail


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_input"),
        (b"{", 400, "parse_error"),
        (b"[]", 400, "parse_error"),
        (b'"text"', 400, "parse_error"),
        (b'{"party_size": NaN}', 400, "parse_error"),
        (b"\xff\xfe", 400, "parse_error"),
        (b"[" * 5000 + b"]" * 5000, 400, "parse_error"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "parse_error"),
        (b'{"a":' * 30 + b"1" + b"}" * 30, 400, "parse_error"),
        (b'{"notes": "' + b"x" * 70_000 + b'"}', 413, "payload_too_large"),
    ],
    ids=[
        "empty",
        "truncated",
        "list",
        "string",
        "NaN",
        "not UTF-8",
        "deep list",
        "deep object",
        "deeper than 20",
        "too large",
    ],
)
@pytest.mark.parametrize(
    "path", ["/bookings/", "/bookings/razorpay-booking", "/bookings/verify-payment", "/auth/token"]
)
def test_malformed_body_is_refused(api, path, body, status, code):
    assert_problem(api.post(path, body, content_type="application/json"), status, code)


@pytest.mark.parametrize("path", ["/bookings/", "/bookings/razorpay-booking"])
@pytest.mark.parametrize("number", ["1e400", "-1e400", "1.5"])
def test_resource_that_is_not_an_integer_is_invalid_input(api, path, number):
    body = json.dumps(booking_request(make_service())).replace("{", f'{{"resource": {number}, ', 1)

    assert_problem(api.post(path, body, content_type="application/json"), 400, "invalid_input", ["resource"])
    assert_nothing_written()


def test_form_data_is_unsupported_media_type(api):
    response = api.post("/bookings/", "service=consultation", content_type="application/x-www-form-urlencoded")

    assert_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "starts_at", [slot(days=-1), slot(hour=3), slot(days=400)], ids=["past", "closed", "too far ahead"]
)
def test_booking_outside_hours_is_refused(api, starts_at):
    service = make_service()

    response = api.post("/bookings/", booking_request(service, starts_at=starts_at.isoformat()), format="json")

    assert_problem(response, 422, "outside_hours")
    assert_nothing_written()


@pytest.mark.parametrize("starts_at", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "9999-12-31T23:59:59-15:00"])
def test_date_out_of_range_is_refused(api, desk, starts_at):
    service, booking = make_service(), make_booking(make_service(slug="other"))
    path = f"/bookings/{booking.pk}/reschedule"

    responses = [
        api.post("/bookings/", booking_request(service, starts_at=starts_at), format="json"),
        desk.put(path, {"starts_at": starts_at}, format="json"),
    ]

    assert {response.json()["code"] for response in responses} <= {"invalid_input", "outside_hours"}
    assert {response.status_code for response in responses} <= {400, 422}


def test_wrong_payment_mode_names_the_right_endpoint(api):
    response = api.post("/bookings/", booking_request(make_paid_service()), format="json")

    assert "razorpay-booking" in assert_problem(response, 422, "wrong_payment_mode")["detail"]


def test_slot_taken_is_a_conflict(api):
    service = make_service()
    make_booking(service)

    assert_problem(api.post("/bookings/", booking_request(service), format="json"), 409, "slot_taken")
    assert Booking.objects.count() == 1


def test_invalid_transition_is_a_conflict(desk):
    booking = make_booking()

    assert_problem(desk.put(f"/bookings/{booking.pk}/complete"), 409, "invalid_transition")


def test_repeated_transition_returns_the_booking(desk):
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    response = desk.put(f"/bookings/{booking.pk}/confirm")

    assert (response.status_code, response.json()["status"], response.json()["version"]) == (200, "confirmed", 2)


@pytest.mark.parametrize("verb", ["confirm", "complete"])
def test_transition_requires_sign_in_and_permission(api, verb):
    booking = make_booking()
    anonymous = api.put(f"/bookings/{booking.pk}/{verb}")
    api.force_authenticate(make_staff("visitor", group=None))
    without_permission = api.put(f"/bookings/{booking.pk}/{verb}")

    assert_problem(anonymous, 401, "not_authenticated")
    assert_problem(without_permission, 403, "permission_denied")
    assert Booking.objects.get(pk=booking.pk).status == "pending"


def test_unknown_booking_and_booking_of_another_customer_get_the_same_404(api):
    service = make_service(resources=2)
    own = api.post("/bookings/", booking_request(service), format="json").json()
    other = make_booking(service)
    token = {"X-Booking-Token": own["manage_token"]}

    responses = [api.get(f"/bookings/{pk}", headers=token) for pk in (other.pk, UNKNOWN)]

    problems = [assert_problem(response, 404, "not_found") for response in responses]
    assert problems[0] | {"instance": ""} == problems[1] | {"instance": ""}
    assert api.get(f"/bookings/{own['id']}", headers=token).json()["reference"] == own["reference"]


def test_transition_of_unknown_booking_is_not_found(desk):
    assert_problem(desk.put(f"/bookings/{UNKNOWN}/confirm"), 404, "not_found")


def test_manage_token_is_shown_once_and_stored_as_hash(api):
    created = api.post("/bookings/", booking_request(make_service()), format="json").json()

    booking = Booking.objects.get()
    representation = api.get(f"/bookings/{booking.pk}", headers={"X-Booking-Token": created["manage_token"]}).json()
    assert created["manage_token"] not in booking.manage_token_hash
    assert "manage_token" not in representation
