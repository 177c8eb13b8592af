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
def test_a_nul_in_the_address_is_refused(path):
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))

    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/problems/", "/admin/", "/notifications/"])
def test_a_nul_in_a_cookie_is_refused(path):
    client = Client(raise_request_exception=False, headers={"Cookie": 'sessionid="aaaaaaaa\\000"'})

    answer = client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/admin/bookings/booking/abc/actions/confirm/"),
        ("GET", "/admin/bookings/booking/abc/actions/confirm/"),
        ("GET", "/admin/r/{booking}/abc/"),
        ("GET", "/admin/bookings/booking/abc/change/"),
    ],
)
def test_an_id_that_can_be_none_is_nobodys(method, path):
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))

    answer = client.generic(method, path.format(booking=ContentType.objects.get_for_model(Booking).pk))

    assert answer.status_code in (302, 404, 405)


@pytest.mark.parametrize(
    "question", ["reference__regex=(", "starts_at__year=99999", "created_at__year=99999", "starts_at__gte=x"]
)
def test_the_admin_can_be_asked_anything(question):
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))

    assert client.get(f"/admin/bookings/booking/?{question}").status_code in (302, 400)


def test_an_action_for_what_can_be_no_row_is_refused():
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))
    asked = {"action": "delete_selected", "_selected_action": "abc"}

    assert client.post("/admin/bookings/scheduleexception/", asked).status_code == 400


def test_no_cache_keeps_what_is_for_one_persons_eyes(client):
    body = booking_request(make_service())

    booked = client.post("/bookings/", body, content_type="application/json")
    seen = client.get("/bookings/", headers={"X-Booking-Token": booked.json()["manage_token"]})

    assert (booked["Cache-Control"], seen["Cache-Control"]) == ("no-store", "no-store")


def test_admin_error_of_our_own_code_is_not_turned_into_bad_request(monkeypatch, caplog):
    make_booking()
    client = Client(raise_request_exception=False)
    client.force_login(make_staff("manager", group="Managers"))
    monkeypatch.setattr(BookingAdmin, "price", lambda self, booking: int("not a number"))

    response = client.get("/admin/bookings/booking/")

    assert response.status_code == 500
    assert "not a number" in caplog.text
