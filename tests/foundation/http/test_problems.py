import json
from base64 import b64encode
from datetime import timedelta
from urllib.parse import urlencode

import psycopg2
import pytest
import rest_framework.exceptions
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection
from django.test import RequestFactory
from django.test.client import FakePayload
from knox.models import AuthToken
from rest_framework.exceptions import APIException

from accounts.tokens import SignInFailed
from bookings.models import Booking
from bookings.operations import confirm_booking
from config.wsgi import application
from foundation.exceptions import all_refusals
from foundation.http.problem_pages import problem_texts
from foundation.http.problems import DATABASE_UNAVAILABLE, FRAMEWORK_PROBLEMS, problem_body
from notifications.models import Notification
from payments.models import PaymentOrder
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_booking, make_paid_service, make_service, slot
from tests.processes import database_url

pytestmark = pytest.mark.django_db

UNKNOWN = "00000000-0000-0000-0000-000000000000"


def cursor(**parts):
    """Return a pagination cursor as DRF encodes it."""
    return "cursor=" + b64encode(urlencode(parts).encode()).decode()


def assert_problem(response, status, code, fields=None):
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    problem = json.loads(response.content)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["detail"]
    if fields is not None:
        assert sorted(error["field"] for error in problem["errors"]) == fields
    return problem


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
        ({"notes": "nul\x00"}, ["notes"]),
        ({"customer": None}, ["customer"]),
        ({"customer": {}}, ["customer.email", "customer.name", "customer.phone"]),
        ({"customer": {**CUSTOMER, "phone": "12345"}}, ["customer.phone"]),
        ({"customer": {**CUSTOMER, "phone": "call me"}}, ["customer.phone"]),
        ({"customer": {**CUSTOMER, "email": "meera@"}}, ["customer.email"]),
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
        "cut",
        "list",
        "string",
        "NaN",
        "no UTF-8",
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


@pytest.mark.parametrize("starts_at", [slot(days=-1), slot(hour=3), slot(days=400)], ids=["past", "closed", "far"])
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
    api.post("/bookings/", booking_request(service), format="json")

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
    again = api.get(f"/bookings/{booking.pk}", headers={"X-Booking-Token": created["manage_token"]}).json()
    assert created["manage_token"] not in booking.manage_token_hash
    assert "manage_token" not in again


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("status=pending", 200),
        ("status=sleeping", 400),
        ("status=sleeping&status=pending", 400),
        ("format=xml", 400),
        ("cursor=junk", 400),
        ("cursor=AAAA", 400),
        (cursor(p="x"), 400),
        (cursor(p="2026-01-01"), 400),  # without an offset
        (cursor(p="2026-12-01T00:00:00+00:00"), 200),
        (cursor(p="2026-12-01T00:00:00+23:59"), 200),  # an offset that Python supports and PostgreSQL does not
        (cursor(p="0001-01-01T00:00:00+10:00"), 400),
        (cursor(p="2026-12-01T00:00:00+00:00", o="x"), 400),
        ("reference=%00", 400),
        ("page_size=x", 400),
        ("&".join(["page_size=1"] * 1500), 400),
    ],
)
def test_booking_list_query_params_are_validated(desk, query, status):
    make_booking()

    response = desk.get(f"/bookings/?{query}")

    assert response.status_code == status
    assert status == 200 or response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["statsu=pending", "format=xml", "&".join("a" * 1500)])
def test_unknown_query_param_is_refused(api, query):
    response = api.get(f"/services/?{query}")

    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json; charset=hex",
        "application/json; charset*=hex''x",
        "application/json; charset=undefined",
        "application/json; title*=nope''x",
        "application/json; a*=undefined''b",
        "application/json; a*=u''b; a*0=c",
        "application/json; a*; a*0=c",
    ],
)
def test_content_type_charset_is_ignored(content_type):
    """Some Python codecs do not decode to text, and Django would decode the URL with them."""
    environ = {"PATH_INFO": "/bookings/", "QUERY_STRING": "status=%41", "CONTENT_TYPE": content_type}

    request = application.request_class(RequestFactory()._base_environ(**environ))  # type: ignore[attr-defined]

    assert (request.GET["status"], request.content_type) == ("A", "application/json")


def test_accept_extended_parameter_is_ignored():
    environ = RequestFactory()._base_environ(HTTP_ACCEPT="text/*; a*=u''b; a*0=c;level=1, */*;q=0.8")  # type: ignore[attr-defined]

    assert application.request_class(environ).META["HTTP_ACCEPT"] == "text/*;level=1, */*;q=0.8"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["name*=u''b; name*0=c", "name*=nope''%41", "name*=undefined''b"])
def test_multipart_extended_parameter_is_bad_request(name):
    started = {}
    body = f"--b\r\nContent-Disposition: form-data; {name}\r\n\r\nvalue\r\n--b--\r\n".encode()
    environ = RequestFactory()._base_environ(  # type: ignore[attr-defined]
        PATH_INFO="/admin/login/",
        REQUEST_METHOD="POST",
        CONTENT_TYPE="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(len(body)),
        HTTP_COOKIE=f"csrftoken={'a' * 32}",
        **{"wsgi.input": FakePayload(body)},
    )

    b"".join(application(environ, lambda status, headers: started.update(status=status)))

    assert started["status"].startswith("4")


@pytest.mark.parametrize("headers", [{}, {"HTTP_ACCEPT": ""}, {"HTTP_ACCEPT": " "}])
def test_empty_accept_accepts_anything(headers):
    assert "HTTP_ACCEPT" not in application.request_class(RequestFactory()._base_environ(**headers)).META  # type: ignore[attr-defined]


def test_uploaded_file_is_read_in_chunks(client, monkeypatch):
    name, sizes = "a." + "x" * 250, []
    file = SimpleUploadedFile(name, b"x" * 3_000_000)
    read = FakePayload.read
    monkeypatch.setattr(FakePayload, "read", lambda self, size=None: sizes.append(size) or read(self, size))

    response = client.post("/notifications/twilio/inbound", {"file": file})

    assert response.status_code == 403
    assert max(sizes) <= 64 * 1024


@pytest.mark.parametrize("version", ["%0A", "2", "1.0.0"])
def test_schema_ignores_version_param(client, version):
    assert client.get(f"/schema/?version={version}").status_code == 200


def test_content_type_boundary_that_contains_charset_stays():
    content_type = "multipart/form-data; boundary=acharset1"
    environ = RequestFactory()._base_environ(CONTENT_TYPE=content_type)  # type: ignore[attr-defined]

    assert application.request_class(environ).META["CONTENT_TYPE"] == content_type


@pytest.mark.parametrize("path", ["/schema/", "/docs/", "/problems/", "/healthz", "/payments/razorpay/webhook"])
@pytest.mark.parametrize("method", ["options", "delete", "trace"])
def test_method_not_allowed_is_a_problem_outside_the_api(api, path, method):
    response = api.generic(method.upper(), path)

    assert_problem(response, 405, "method_not_allowed")


def test_invalid_filter_is_named(desk):
    assert_problem(desk.get("/bookings/?status=sleeping"), 400, "invalid_input", ["status"])


def test_disallowed_host_is_bad_request(api, settings):
    settings.ALLOWED_HOSTS = ["daybook.example"]

    assert_problem(api.get("/services/", HTTP_HOST="evil.example"), 400, "bad_request")


@pytest.mark.parametrize("path", ["/nothing/here", "/bookings/not-an-id", "/bookings/not-an-id/confirm"])
def test_unknown_path_is_not_found(api, path):
    assert_problem(api.get(path), 404, "not_found")


def test_method_not_allowed_is_a_problem_in_the_api(api):
    assert_problem(api.delete("/services/"), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/services", "/healthz", "/schema", "/docs"])
def test_path_works_with_and_without_trailing_slash(api, path):
    assert [api.get(path).status_code, api.get(f"{path}/").status_code] == [200, 200]


def test_post_without_trailing_slash_is_not_redirected(api):
    service = make_service()

    assert api.post("/bookings", booking_request(service), format="json").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_locked_database_is_503_with_retry_after_and_writes_nothing(api):
    service = make_service()
    blocker = psycopg2.connect(database_url())
    blocker.cursor().execute("SELECT * FROM bookings_resource FOR UPDATE")

    response = api.post("/bookings/", booking_request(service), format="json")
    blocker.close()

    assert_problem(response, 503, "database_unavailable")
    assert response["Retry-After"] == "2"
    assert_nothing_written()


def test_token_works_from_sign_in_until_sign_out(api):
    make_staff()
    signed_in = api.post("/auth/token", {"username": "desk", "password": "a-long-password"}, format="json").json()
    header = {"Authorization": f"Bearer {signed_in['token']}"}

    signed_in_status = api.get("/bookings/", headers=header).status_code
    sign_out_status = api.delete("/auth/token", headers=header).status_code
    signed_out_status = api.get("/bookings/", headers=header).status_code

    assert (signed_in_status, sign_out_status, signed_out_status) == (200, 204, 401)


@pytest.mark.parametrize("password", ["wrong", "", "x" * 129])
def test_failed_sign_in_does_not_reveal_whether_the_account_exists(api, password):
    make_staff()

    known = api.post("/auth/token", {"username": "desk", "password": password}, format="json")
    unknown = api.post("/auth/token", {"username": "unknown", "password": password}, format="json")

    assert known.status_code == (401 if password == "wrong" else 400)
    assert known.content == unknown.content


@pytest.mark.parametrize("token", [b"\xff", b"nul\x00", b"x" * 10_000, b"", b"two words"])
@pytest.mark.parametrize(("method", "path"), [("get", "/bookings/"), ("post", "/bookings/"), ("get", "/services/")])
def test_malformed_bearer_token_is_refused(api, method, path, token):
    response = getattr(api, method)(path, HTTP_AUTHORIZATION=(b"Bearer " + token).decode("latin-1"))

    assert_problem(response, 401, "authentication_failed")


def test_sign_in_ignores_an_expired_token(api):
    make_staff()

    response = api.post(
        "/auth/token",
        {"username": "desk", "password": "a-long-password"},
        format="json",
        headers={"Authorization": "Bearer of-last-year"},
    )

    assert response.status_code == 200


def test_sign_in_of_account_that_is_not_staff_fails(api):
    User.objects.create_user("meera", password="a-long-password")

    response = api.post("/auth/token", {"username": "meera", "password": "a-long-password"}, format="json")

    assert_problem(response, 401, "sign_in_failed")
    assert AuthToken.objects.count() == 0


def test_token_of_former_staff_is_refused(api):
    user = make_staff()
    _, token = AuthToken.objects.create(user=user)
    headers = {"Authorization": f"Bearer {token}"}
    before = api.get("/bookings/", headers=headers).status_code
    User.objects.update(is_staff=False)

    assert (before, api.get("/bookings/", headers=headers).status_code) == (200, 401)


def test_expired_token_is_refused(api):
    _, token = AuthToken.objects.create(user=make_staff(), expiry=timedelta(seconds=-1))

    assert api.get("/bookings/", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize(
    "error", [OperationalError, InterfaceError, DatabaseError, psycopg2.OperationalError, psycopg2.DatabaseError]
)
@pytest.mark.parametrize("path", ["/bookings/", "/healthz"])
def test_unavailable_database_is_503(api, path, error):
    def fail(*args, **kwargs):
        raise error("server closed the connection unexpectedly")

    body = booking_request(make_service())
    with connection.execute_wrapper(fail):
        response = api.post(path, body, format="json") if path == "/bookings/" else api.get(path)

    assert_problem(response, 503, "database_unavailable")


def test_other_database_errors_are_500(api):
    def fail(*args, **kwargs):
        raise IntegrityError("null value in column")

    body = booking_request(make_service())
    with connection.execute_wrapper(fail):
        response = api.post("/bookings/", body, format="json")

    assert response.status_code == 500


def framework_codes():
    """Return the codes of DRF's own exceptions. Those of a ValidationError become invalid_input."""
    kinds = [kind for kind in vars(rest_framework.exceptions).values() if isinstance(kind, type)]
    refusals = [kind for kind in kinds if issubclass(kind, APIException)]
    return {kind.default_code for kind in refusals} - {"invalid"} | {"invalid_input"}


def test_problem_pages_match_the_codes(client):
    own_codes = (
        {problem.code for problem in (DATABASE_UNAVAILABLE, *FRAMEWORK_PROBLEMS.values())}
        | {refusal.code for refusal in all_refusals()}
        | {SignInFailed.default_code, "bad_request"}
    )

    assert set(problem_texts()) == own_codes | framework_codes()


@pytest.mark.parametrize("code", problem_texts())
@pytest.mark.django_db
def test_problem_type_is_the_url_of_its_page(client, code):
    url = problem_body(status=400, code=code, detail="", instance="")["type"]

    page = client.get(url)

    assert page.status_code == 200
    assert f"<h2><code>{code}</code></h2>" in page.content.decode()


@pytest.mark.django_db
def test_problem_index_lists_every_code_and_unknown_code_is_not_found(client):
    page = client.get("/problems/").content.decode()

    assert page.count("<h2><code>") == len(problem_texts())
    assert client.get("/problems/nothing").status_code == 404
