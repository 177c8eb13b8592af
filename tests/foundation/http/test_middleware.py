import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import Client, RequestFactory

from bookings.admin.booking import BookingAdmin
from bookings.models import Booking
from tests.builders.accounts import make_staff
from tests.builders.bookings import booking_request, make_booking, make_service
from tests.problems import assert_problem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/admin/bookings/booking/?status__exact=%00", "/notifications/?text=%00", "/bookings/?reference=%00"]
)
def test_nul_byte_in_query_string_is_refused(path):
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))

    response = client.get(path)

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/problems/", "/admin/", "/notifications/"])
def test_nul_byte_in_cookie_is_refused(path):
    client = Client(raise_request_exception=False, headers={"Cookie": 'sessionid="aaaaaaaa\\000"'})

    response = client.get(path)

    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/bookings/booking/abc/actions/confirm/"),
        ("GET", "/admin/bookings/booking/abc/actions/confirm/"),
        ("GET", "/admin/r/{booking}/abc/"),
        ("GET", "/admin/bookings/booking/abc/change/"),
    ],
)
def test_admin_invalid_id_is_not_found(method, path):
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))

    response = client.generic(method, path.format(booking=ContentType.objects.get_for_model(Booking).pk))

    assert response.status_code in (302, 404, 405)


@pytest.mark.parametrize(
    "query",
    ["reference__regex=(", "starts_at__year=99999", "created_at__year=99999", "starts_at__gte=x", "status__range=x"],
)
def test_admin_invalid_lookup_is_bad_request(query):
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))

    assert client.get(f"/admin/bookings/booking/?{query}").status_code in (302, 400)


def test_admin_action_on_invalid_id_is_bad_request():
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))
    data = {"action": "delete_selected", "_selected_action": "abc"}

    assert client.post("/admin/bookings/scheduleexception/", data).status_code == 400


def test_responses_forbid_caching_by_default(client):
    body = booking_request(make_service())

    creation = client.post("/bookings/", body, content_type="application/json")
    listing = client.get("/bookings/", headers={"X-Booking-Token": creation.json()["manage_token"]})

    assert (creation["Cache-Control"], listing["Cache-Control"]) == ("no-store", "no-store")


def test_admin_error_of_our_own_code_is_not_turned_into_bad_request(monkeypatch, caplog):
    make_booking()
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))
    monkeypatch.setattr(BookingAdmin, "price", lambda self, booking: int("not a number"))

    response = client.get("/admin/bookings/booking/")

    assert response.status_code == 500
    assert "not a number" in caplog.text


FORM = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--b--\r\n'


@pytest.mark.parametrize("charset", ["hex", "base64", "idna", "rot13", "utf-16", "undefined", "latin-1"])
@pytest.mark.parametrize("path", ["/admin/login/", "/bookings/"])
def test_body_in_another_charset_than_utf_8_is_415(api, path, charset):
    content_type = f"multipart/form-data; boundary=b; charset={charset}"

    response = api.generic("POST", path, FORM, content_type=content_type)

    assert "UTF-8" in assert_problem(response, 415, "unsupported_media_type")["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip"])
@pytest.mark.parametrize("path", ["/admin/login/", "/bookings/"])
def test_compressed_body_is_415(api, path, encoding):
    response = api.generic("POST", path, b"", headers={"Content-Encoding": encoding})

    assert "uncompressed" in assert_problem(response, 415, "unsupported_media_type")["detail"]


def test_body_with_encoding_identity_is_read(api):
    headers = {"Content-Encoding": "identity"}

    assert api.post("/bookings/", booking_request(make_service()), format="json", headers=headers).status_code == 201


def test_options_needs_no_sign_in(api):
    allowed = {path: api.options(path)["Allow"] for path in ("/bookings/", "/bookings/razorpay-booking", "/auth/token")}

    assert allowed == {
        "/bookings/": "GET, HEAD, OPTIONS, POST",
        "/bookings/razorpay-booking": "OPTIONS, POST",
        "/auth/token": "DELETE, OPTIONS, POST",
    }
    assert (api.options("/bookings/").status_code, api.options("/bookings/").content) == (204, b"")


def test_options_does_not_count_towards_a_rate_limit(api, settings):
    settings.LIMIT_BOOKINGS_PER_HOUR = 1
    body = booking_request(make_service())

    api.options("/bookings/")

    assert api.post("/bookings/", body, format="json").status_code == 201


def respond(method, path):
    """Return what the web server gets: the test client would remove the body of a response to HEAD itself."""
    response = WSGIHandler().get_response(RequestFactory().generic(method, path))
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize("path", ["/services/", "/admin/login/", "/unknown", "/services/unknown/availability"])
def test_head_has_the_length_of_get_but_no_body(path):
    make_service()

    head, get = respond("HEAD", path), respond("GET", path)

    assert (head.content, head.status_code) == (b"", get.status_code)
    assert int(head["Content-Length"]) == len(get.content) > 0
