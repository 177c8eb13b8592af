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
    """A page's cursor, as DRF writes it."""
    return "cursor=" + b64encode(urlencode(parts).encode()).decode()


def assert_problem(answer, status, code, fields=None):
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    problem = json.loads(answer.content)
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
def test_each_field_that_is_wrong_is_named(api, path, change, fields):
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
def test_a_body_that_is_no_request_is_refused(api, path, body, status, code):
    assert_problem(api.post(path, body, content_type="application/json"), status, code)


@pytest.mark.parametrize("path", ["/bookings/", "/bookings/razorpay-booking"])
@pytest.mark.parametrize("number", ["1e400", "-1e400", "1.5"])
def test_a_number_beyond_all_numbers_is_refused(api, path, number):
    body = json.dumps(booking_request(make_service())).replace("{", f'{{"resource": {number}, ', 1)

    assert_problem(api.post(path, body, content_type="application/json"), 400, "invalid_input", ["resource"])
    assert_nothing_written()


def test_only_json_is_read(api):
    answer = api.post("/bookings/", "service=consultation", content_type="application/x-www-form-urlencoded")

    assert_problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("starts_at", [slot(days=-1), slot(hour=3), slot(days=400)], ids=["past", "closed", "far"])
def test_a_time_that_is_not_sold_is_refused(api, starts_at):
    service = make_service()

    answer = api.post("/bookings/", booking_request(service, starts_at=starts_at.isoformat()), format="json")

    assert_problem(answer, 422, "outside_hours")
    assert_nothing_written()


@pytest.mark.parametrize("starts_at", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "9999-12-31T23:59:59-15:00"])
def test_a_time_at_the_end_of_the_calendar_is_refused(api, desk, starts_at):
    service, booking = make_service(), make_booking(make_service(slug="other"))
    path = f"/bookings/{booking.pk}/reschedule"

    answers = [
        api.post("/bookings/", booking_request(service, starts_at=starts_at), format="json"),
        desk.put(path, {"starts_at": starts_at}, format="json"),
    ]

    assert {answer.json()["code"] for answer in answers} <= {"invalid_input", "outside_hours"}
    assert {answer.status_code for answer in answers} <= {400, 422}


def test_the_wrong_door_names_the_right_one(api):
    answer = api.post("/bookings/", booking_request(make_paid_service()), format="json")

    assert "razorpay-booking" in assert_problem(answer, 422, "wrong_payment_mode")["detail"]


def test_a_taken_slot_is_a_conflict(api):
    service = make_service()
    api.post("/bookings/", booking_request(service), format="json")

    assert_problem(api.post("/bookings/", booking_request(service), format="json"), 409, "slot_taken")
    assert Booking.objects.count() == 1


def test_a_move_that_is_not_allowed_is_a_conflict(desk):
    booking = make_booking()

    assert_problem(desk.put(f"/bookings/{booking.pk}/complete"), 409, "invalid_transition")


def test_a_repeat_of_a_finished_move_is_fine(desk):
    booking = make_booking()
    confirm_booking(booking_id=booking.pk, actor=DESK)

    answer = desk.put(f"/bookings/{booking.pk}/confirm")

    assert (answer.status_code, answer.json()["status"], answer.json()["version"]) == (200, "confirmed", 2)


@pytest.mark.parametrize("verb", ["confirm", "complete"])
def test_moves_need_a_login_and_the_permission(api, verb):
    booking = make_booking()
    stranger = api.put(f"/bookings/{booking.pk}/{verb}")
    api.force_authenticate(make_staff("visitor", group=None))
    visitor = api.put(f"/bookings/{booking.pk}/{verb}")

    assert_problem(stranger, 401, "not_authenticated")
    assert_problem(visitor, 403, "permission_denied")
    assert Booking.objects.get(pk=booking.pk).status == "pending"


def test_an_unknown_booking_and_a_foreign_one_look_the_same(api):
    service = make_service(resources=2)
    mine = api.post("/bookings/", booking_request(service), format="json").json()
    foreign = make_booking(service)
    token = {"X-Booking-Token": mine["manage_token"]}

    answers = [api.get(f"/bookings/{pk}", headers=token) for pk in (foreign.pk, UNKNOWN)]

    problems = [assert_problem(answer, 404, "not_found") for answer in answers]
    assert problems[0] | {"instance": ""} == problems[1] | {"instance": ""}
    assert api.get(f"/bookings/{mine['id']}", headers=token).json()["reference"] == mine["reference"]


def test_staff_moves_of_an_unknown_booking_are_not_found(desk):
    assert_problem(desk.put(f"/bookings/{UNKNOWN}/confirm"), 404, "not_found")


def test_the_manage_token_is_shown_once_and_stored_only_as_a_hash(api):
    answer = api.post("/bookings/", booking_request(make_service()), format="json").json()

    booking = Booking.objects.get()
    again = api.get(f"/bookings/{booking.pk}", headers={"X-Booking-Token": answer["manage_token"]}).json()
    assert answer["manage_token"] not in booking.manage_token_hash
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
        (cursor(p="2026-01-01"), 400),  # in no zone
        (cursor(p="2026-12-01T00:00:00+00:00"), 200),
        (cursor(p="2026-12-01T00:00:00+23:59"), 200),  # an offset that Python takes and PostgreSQL does not
        (cursor(p="0001-01-01T00:00:00+10:00"), 400),
        (cursor(p="2026-12-01T00:00:00+00:00", o="x"), 400),
        ("reference=%00", 400),
        ("page_size=x", 400),
        ("&".join(["page_size=1"] * 1500), 400),
    ],
)
def test_filters_go_through_the_same_checks(desk, query, status):
    make_booking()

    answer = desk.get(f"/bookings/?{query}")

    assert answer.status_code == status
    assert status == 200 or answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("query", ["statsu=pending", "format=xml", "&".join("a" * 1500)])
def test_a_parameter_where_there_are_none_is_refused(api, query):
    answer = api.get(f"/services/?{query}")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


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
def test_a_charset_that_is_none_is_passed_over(content_type):
    """Python knows codecs that turn bytes into no text, and Django would read the address with them."""
    asked = {"PATH_INFO": "/bookings/", "QUERY_STRING": "status=%41", "CONTENT_TYPE": content_type}

    request = application.request_class(RequestFactory()._base_environ(**asked))

    assert (request.GET["status"], request.content_type) == ("A", "application/json")


def test_a_strange_parameter_of_what_is_accepted_is_passed_over():
    environ = RequestFactory()._base_environ(HTTP_ACCEPT="text/*; a*=u''b; a*0=c;level=1, */*;q=0.8")

    assert application.request_class(environ).META["HTTP_ACCEPT"] == "text/*;level=1, */*;q=0.8"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["name*=u''b; name*0=c", "name*=nope''%41", "name*=undefined''b"])
def test_a_strange_parameter_of_a_form_is_a_bad_request(name):
    told = {}
    body = f"--b\r\nContent-Disposition: form-data; {name}\r\n\r\nvalue\r\n--b--\r\n".encode()
    environ = RequestFactory()._base_environ(
        PATH_INFO="/admin/login/",
        REQUEST_METHOD="POST",
        CONTENT_TYPE="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(len(body)),
        HTTP_COOKIE=f"csrftoken={'a' * 32}",
        **{"wsgi.input": FakePayload(body)},
    )

    b"".join(application(environ, lambda status, headers: told.update(status=status)))

    assert told["status"].startswith("4")


@pytest.mark.parametrize("said", [{}, {"HTTP_ACCEPT": ""}, {"HTTP_ACCEPT": " "}])
def test_whoever_does_not_say_what_they_accept_takes_anything(said):
    assert "HTTP_ACCEPT" not in application.request_class(RequestFactory()._base_environ(**said)).META


def test_a_file_that_is_sent_is_read_past_in_pieces(client, monkeypatch):
    name, asked = "a." + "x" * 250, []
    file = SimpleUploadedFile(name, b"x" * 3_000_000)
    read = FakePayload.read
    monkeypatch.setattr(FakePayload, "read", lambda self, size=None: asked.append(size) or read(self, size))

    answer = client.post("/notifications/twilio/inbound", {"file": file})

    assert answer.status_code == 403
    assert max(asked) <= 64 * 1024


@pytest.mark.parametrize("version", ["%0A", "2", "1.0.0"])
def test_whatever_version_of_the_schema_is_asked_for(client, version):
    assert client.get(f"/schema/?version={version}").status_code == 200


def test_what_only_looks_like_a_charset_stays():
    told = "multipart/form-data; boundary=acharset1"
    environ = RequestFactory()._base_environ(CONTENT_TYPE=told)

    assert application.request_class(environ).META["CONTENT_TYPE"] == told


@pytest.mark.parametrize("path", ["/schema/", "/docs/", "/problems/", "/healthz", "/payments/razorpay/webhook"])
@pytest.mark.parametrize("method", ["options", "delete", "trace"])
def test_a_method_that_a_path_does_not_have_is_a_problem_everywhere(api, path, method):
    answer = api.generic(method.upper(), path)

    assert_problem(answer, 405, "method_not_allowed")


def test_a_filter_that_is_wrong_is_named(desk):
    assert_problem(desk.get("/bookings/?status=sleeping"), 400, "invalid_input", ["status"])


def test_a_host_that_is_not_ours_is_a_problem_too(api, settings):
    settings.ALLOWED_HOSTS = ["daybook.example"]

    assert_problem(api.get("/services/", HTTP_HOST="evil.example"), 400, "bad_request")


@pytest.mark.parametrize("path", ["/nothing/here", "/bookings/not-an-id", "/bookings/not-an-id/confirm"])
def test_an_unknown_path_is_a_problem_too(api, path):
    assert_problem(api.get(path), 404, "not_found")


def test_a_method_that_is_not_offered_is_refused(api):
    assert_problem(api.delete("/services/"), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/services", "/healthz", "/schema", "/docs"])
def test_every_path_answers_with_and_without_its_slash(api, path):
    assert [api.get(path).status_code, api.get(f"{path}/").status_code] == [200, 200]


def test_a_post_needs_no_slash(api):
    service = make_service()

    assert api.post("/bookings", booking_request(service), format="json").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_a_locked_database_says_when_to_come_back_and_keeps_nothing(api):
    service = make_service()
    blocker = psycopg2.connect(database_url())
    blocker.cursor().execute("SELECT * FROM bookings_resource FOR UPDATE")

    answer = api.post("/bookings/", booking_request(service), format="json")
    blocker.close()

    assert_problem(answer, 503, "database_unavailable")
    assert answer["Retry-After"] == "2"
    assert_nothing_written()


def test_sign_in_gives_a_token_that_opens_and_sign_out_ends_it(api):
    make_staff()
    signed_in = api.post("/auth/token", {"username": "desk", "password": "a-long-password"}, format="json").json()
    header = {"Authorization": f"Bearer {signed_in['token']}"}

    opened = api.get("/bookings/", headers=header).status_code
    ended = api.delete("/auth/token", headers=header).status_code
    closed = api.get("/bookings/", headers=header).status_code

    assert (opened, ended, closed) == (200, 204, 401)


@pytest.mark.parametrize("password", ["wrong", "", "x" * 129])
def test_a_wrong_sign_in_says_nothing_about_who_exists(api, password):
    make_staff()

    known = api.post("/auth/token", {"username": "desk", "password": password}, format="json")
    unknown = api.post("/auth/token", {"username": "nobody", "password": password}, format="json")

    assert known.status_code == (401 if password == "wrong" else 400)
    assert known.content == unknown.content


@pytest.mark.parametrize("token", [b"\xff", b"nul\x00", b"x" * 10_000, b"", b"two words"])
@pytest.mark.parametrize(("method", "path"), [("get", "/bookings/"), ("post", "/bookings/"), ("get", "/services/")])
def test_a_header_that_is_no_token_opens_nothing(api, method, path, token):
    answer = getattr(api, method)(path, HTTP_AUTHORIZATION=(b"Bearer " + token).decode("latin-1"))

    assert_problem(answer, 401, "authentication_failed")


def test_an_old_token_does_not_stop_a_sign_in(api):
    make_staff()

    answer = api.post(
        "/auth/token",
        {"username": "desk", "password": "a-long-password"},
        format="json",
        headers={"Authorization": "Bearer of-last-year"},
    )

    assert answer.status_code == 200


def test_a_customer_who_has_an_account_is_no_staff(api):
    User.objects.create_user("meera", password="a-long-password")

    answer = api.post("/auth/token", {"username": "meera", "password": "a-long-password"}, format="json")

    assert_problem(answer, 401, "sign_in_failed")
    assert AuthToken.objects.count() == 0


def test_the_token_of_somebody_who_is_staff_no_more_opens_nothing(api):
    user = make_staff()
    _, token = AuthToken.objects.create(user=user)
    headers = {"Authorization": f"Bearer {token}"}
    before = api.get("/bookings/", headers=headers).status_code
    User.objects.update(is_staff=False)

    assert (before, api.get("/bookings/", headers=headers).status_code) == (200, 401)


def test_an_expired_token_opens_nothing(api):
    _, token = AuthToken.objects.create(user=make_staff(), expiry=timedelta(seconds=-1))

    assert api.get("/bookings/", headers={"Authorization": f"Bearer {token}"}).status_code == 401


@pytest.mark.parametrize(
    "error", [OperationalError, InterfaceError, DatabaseError, psycopg2.OperationalError, psycopg2.DatabaseError]
)
@pytest.mark.parametrize("path", ["/bookings/", "/healthz"])
def test_a_database_that_dies_in_the_middle_of_an_answer_is_no_fault_of_ours(api, path, error):
    def fail(*args, **kwargs):
        raise error("server closed the connection unexpectedly")

    body = booking_request(make_service())
    with connection.execute_wrapper(fail):
        answer = api.post(path, body, format="json") if path == "/bookings/" else api.get(path)

    assert_problem(answer, 503, "database_unavailable")


def test_a_statement_that_is_wrong_is_a_fault_of_ours(api):
    def fail(*args, **kwargs):
        raise IntegrityError("null value in column")

    body = booking_request(make_service())
    with connection.execute_wrapper(fail):
        answer = api.post("/bookings/", body, format="json")

    assert answer.status_code == 500


def codes_of_the_framework():
    """The codes that DRF's own exceptions come with; a ValidationError's are folded into invalid_input."""
    kinds = [kind for kind in vars(rest_framework.exceptions).values() if isinstance(kind, type)]
    refusals = [kind for kind in kinds if issubclass(kind, APIException)]
    return {kind.default_code for kind in refusals} - {"invalid"} | {"invalid_input"}


def test_every_problem_has_a_page_and_every_page_a_problem(client):
    ours = (
        {problem.code for problem in (DATABASE_UNAVAILABLE, *FRAMEWORK_PROBLEMS.values())}
        | {refusal.code for refusal in all_refusals()}
        | {SignInFailed.default_code, "bad_request"}
    )

    assert set(problem_texts()) == ours | codes_of_the_framework()


@pytest.mark.parametrize("code", problem_texts())
@pytest.mark.django_db
def test_a_problems_type_leads_to_its_page(client, code):
    kind = problem_body(status=400, code=code, detail="", instance="")["type"]

    page = client.get(kind)

    assert page.status_code == 200
    assert f"<h2><code>{code}</code></h2>" in page.content.decode()


@pytest.mark.django_db
def test_the_index_lists_them_all_and_what_is_none_has_no_page(client):
    page = client.get("/problems/").content.decode()

    assert page.count("<h2><code>") == len(problem_texts())
    assert client.get("/problems/nothing").status_code == 404
