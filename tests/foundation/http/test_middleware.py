import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from bookings.admin.booking import BookingAdmin
from bookings.models import Booking
from tests.builders.accounts import make_staff
from tests.builders.bookings import booking_request, make_booking, make_service

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
    "query", ["reference__regex=(", "starts_at__year=99999", "created_at__year=99999", "starts_at__gte=x"]
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


@pytest.mark.parametrize("charset", ["hex", "base64", "idna", "rot13", "utf-16", "undefined"])
@pytest.mark.parametrize("path", ["/notifications/twilio/inbound", "/admin/login/", "/bookings/"])
def test_body_in_another_encoding_than_utf_8_is_400(path, charset):
    content_type = f"multipart/form-data; boundary=b; charset={charset}"
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--b--\r\n'

    response = Client(raise_request_exception=False).generic("POST", path, body, content_type=content_type)

    assert response.status_code == 400
