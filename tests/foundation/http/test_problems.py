from uuid import uuid4

import psycopg2
import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection
from django.test import Client

from bookings.models import Booking
from foundation.http.problem_texts import standard_detail
from notifications.models import Notification
from payments.models import PaymentOrder
from tests.builders.accounts import make_staff
from tests.builders.bookings import booking_request, make_service
from tests.problems import assert_problem
from tests.processes import database_url

pytestmark = pytest.mark.django_db


# What browsers send when they open a page.
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def fail_with(error):
    """Return a wrapper of queries that raises ``error``."""

    def fail(*args, **kwargs):
        raise error("server closed the connection unexpectedly")

    return fail


def assert_nothing_written():
    assert (Booking.objects.count(), Notification.objects.count(), PaymentOrder.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("path", ["/schema/", "/docs/", "/problems/", "/healthz", "/payments/razorpay/webhook"])
@pytest.mark.parametrize("method", ["delete", "trace", "unknown"])
def test_method_not_allowed_is_a_problem_outside_the_api(api, path, method):
    response = api.generic(method.upper(), path)

    assert_problem(response, 405, "method_not_allowed")


def test_disallowed_host_is_bad_request(api, settings):
    settings.ALLOWED_HOSTS = ["daybook.example"]

    assert_problem(api.get("/services/", HTTP_HOST="evil.example"), 400, "bad_request")


@pytest.mark.parametrize("path", ["/nothing/here", "/bookings/not-an-id", "/static/missing.css", "/%2Fservices/"])
@pytest.mark.parametrize("debug", [False, True])
def test_unknown_path_is_not_found(api, settings, path, debug):
    settings.DEBUG = debug

    assert_problem(api.get(path), 404, "not_found")


@pytest.mark.parametrize("debug", [False, True])
def test_unknown_path_of_the_api_is_a_problem_in_a_browser(api, settings, debug):
    settings.DEBUG = debug

    assert_problem(api.get("/bookings/not-an-id", headers=BROWSER), 404, "not_found")


def test_error_in_a_view_of_the_api_is_a_problem_with_debug(api, settings):
    settings.DEBUG = True

    with connection.execute_wrapper(fail_with(IntegrityError)):
        response = api.get("/services/", headers=BROWSER)

    assert_problem(response, 500, "error")


@pytest.mark.parametrize("accept", ["application/problem+json", "application/problem+json;q=0.5, text/html;q=0.1"])
def test_client_that_accepts_problems_gets_json(api, accept):
    response = api.get("/services/", headers={"Accept": accept})

    assert (response.status_code, response["Content-Type"].partition(";")[0]) == (200, "application/json")


def test_client_that_accepts_no_json_gets_a_problem(api):
    assert_problem(api.get("/services/", headers={"Accept": "image/png"}), 406, "not_acceptable")


def test_request_beyond_the_rate_limit_says_when_to_try_again(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 1
    body = booking_request(make_service())

    responses = [api.post("/bookings/", {**body, "notes": text}, format="json") for text in ("first", "second")]

    problem = assert_problem(responses[1], 429, "throttled")
    seconds = int(responses[1]["Retry-After"])
    wait = f"{-(-seconds // 60)} minutes" if seconds >= 120 else f"{seconds} second"
    assert problem["detail"].startswith(f"Too many requests. Try again in {wait}")


@pytest.mark.parametrize(
    ("request_of", "status", "heading"),
    [
        (lambda client: client.get("/nothing", headers=BROWSER), 404, "Page not found"),
        (lambda client: client.get("/admin/nothing", headers=BROWSER), 404, "Page not found"),
        (lambda client: client.get("/problems/nothing", headers=BROWSER), 404, "Page not found"),
        (lambda client: client.delete("/problems/", headers=BROWSER), 405, "This page cannot be used like this"),
        (lambda client: client.get("/admin/?a=%00", headers=BROWSER), 400, "This address or form is not valid"),
        (lambda client: client.post("/admin/login/", headers=BROWSER), 403, "This form is out of date"),
        (
            lambda client: client.post("/admin/login/", {"a": "b" * 99_999}, headers=BROWSER),
            413,
            "This form is too large",
        ),
        (lambda client: client.get("/payments/reconciliation", headers=BROWSER), 403, "You do not have permission"),
        (lambda client: client.get("/payments/takings.csv?on=x", headers=BROWSER), 400, "Bad Request"),
        (
            lambda client: client.post("/admin/login/", headers={**BROWSER, "Content-Encoding": "br"}),
            415,
            "Unsupported",
        ),
    ],
)
def test_error_of_a_page_is_a_page(request_of, status, heading):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(make_staff())
    client.cookies["csrftoken"] = "a" * 32

    response = request_of(client)

    assert (response.status_code, response["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{heading}" in response.content.decode()


@pytest.mark.parametrize("path", ["/admin/login/", "/payments/takings"])
def test_error_of_a_page_is_a_problem_for_a_program(path):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(make_staff())

    assert_problem(client.post(path, headers={"Accept": "*/*"}), 403, "csrf_failed")


def test_page_says_that_the_database_is_unavailable(client):
    with connection.execute_wrapper(fail_with(OperationalError)):
        response = client.get("/admin/login/", {"next": "/"}, headers={**BROWSER, "Cookie": "sessionid=" + "a" * 32})

    assert (response.status_code, response["Retry-After"]) == (503, "2")
    assert "<h1>Please try again in a moment" in response.content.decode()


def test_form_with_too_many_fields_is_bad_request(front_desk):
    response = front_desk.post("/admin/login/", {f"field-{number}": "" for number in range(1_001)})

    assert_problem(response, 400, "bad_request")


def test_texts_of_the_framework_say_what_to_do(api):
    details = [
        assert_problem(api.get("/bookings/"), 401, "not_authenticated")["detail"],
        assert_problem(api.delete("/services/"), 405, "method_not_allowed")["detail"],
        assert_problem(api.post("/bookings/", "<xml/>", content_type="text/xml"), 415, "unsupported_media_type")[
            "detail"
        ],
        assert_problem(api.get(f"/bookings/{uuid4()}"), 404, "not_found")["detail"],
    ]

    assert details == [
        standard_detail(code)
        for code in ("not_authenticated", "method_not_allowed", "unsupported_media_type", "not_found")
    ]


def test_method_not_allowed_is_a_problem_in_the_api(api):
    assert_problem(api.delete("/services/"), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/services", "/healthz", "/schema", "/docs"])
def test_path_works_with_and_without_trailing_slash(api, path):
    assert [api.get(path).status_code, api.get(f"{path}/").status_code] == [200, 200]


def test_post_without_trailing_slash_is_not_redirected(api):
    service = make_service()

    assert api.post("/bookings", booking_request(service), format="json").status_code == 201


@pytest.mark.slow
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


@pytest.mark.parametrize(
    "error", [OperationalError, InterfaceError, DatabaseError, psycopg2.OperationalError, psycopg2.DatabaseError]
)
@pytest.mark.parametrize("path", ["/bookings/", "/healthz"])
def test_unavailable_database_is_503(api, path, error):
    body = booking_request(make_service())
    with connection.execute_wrapper(fail_with(error)):
        response = api.post(path, body, format="json") if path == "/bookings/" else api.get(path)

    assert_problem(response, 503, "database_unavailable")


def test_other_database_errors_are_500(api):
    body = booking_request(make_service())
    with connection.execute_wrapper(fail_with(IntegrityError)):
        response = api.post("/bookings/", body, format="json")

    assert response.status_code == 500


@pytest.mark.django_db(transaction=True)
def test_read_only_database_is_503_and_the_next_request_opens_a_new_session(api):
    """After a failover, a session may lead to a server that has become a standby."""
    body = booking_request(make_service())
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

    response = api.post("/bookings/", body, format="json")
    next_response = api.post("/bookings/", body, format="json")

    assert_problem(response, 503, "database_unavailable")
    assert next_response.status_code == 201
