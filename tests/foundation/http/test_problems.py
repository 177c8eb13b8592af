import psycopg2
import pytest
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, connection

from bookings.models import Booking
from notifications.models import Notification
from payments.models import PaymentOrder
from tests.builders.bookings import booking_request, make_service
from tests.problems import assert_problem
from tests.processes import database_url

pytestmark = pytest.mark.django_db


def assert_nothing_written():
    assert (Booking.objects.count(), Notification.objects.count(), PaymentOrder.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("path", ["/schema/", "/docs/", "/problems/", "/healthz", "/payments/razorpay/webhook"])
@pytest.mark.parametrize("method", ["options", "delete", "trace"])
def test_method_not_allowed_is_a_problem_outside_the_api(api, path, method):
    response = api.generic(method.upper(), path)

    assert_problem(response, 405, "method_not_allowed")


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
