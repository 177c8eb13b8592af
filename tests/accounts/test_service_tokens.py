"""Service tokens: what they open, what they do not, and how they end."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import ServiceToken
from accounts.operations import ServiceTokenNameInUse, create_service_token, create_staff_token
from bookings.models import Booking, BookingEvent
from bookings.operations import add_contact_check, customers
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, booking_request, make_booking, make_paid_service, make_service, slot
from tests.builders.callers import bearer_client, service_client, staff_client

pytestmark = pytest.mark.django_db


def book(client, service=None, **changes):
    return client.post("/bookings/", booking_request(service or make_service(resources=3), **changes), format="json")


def test_service_token_books_under_the_rules_for_customers():
    website = service_client()

    created = book(website)
    paid_online = book(website, make_paid_service())
    in_the_past = book(website, make_service(slug="past"), starts_at=slot(days=-1).isoformat())

    assert (created.status_code, created.json()["status"]) == (201, "pending")
    assert (paid_online.json()["code"], in_the_past.json()["code"]) == ("wrong_payment_mode", "outside_hours")
    event = BookingEvent.objects.get()
    assert (event.actor, event.actor_kind) == ("integration Website", "integration")


def test_service_token_reads_reschedules_and_cancels_only_what_it_created(api):
    website, kiosk = service_client("Website"), service_client("Kiosk")
    own = book(website).json()["id"]
    foreign = [book(kiosk, Booking.objects.get().service).json()["id"], str(make_booking().pk)]
    new_start = {"starts_at": slot(hour=14).isoformat()}

    for booking_id in foreign:
        path = f"/bookings/{booking_id}"
        assert website.get(path).status_code == 404
        assert website.put(f"{path}/reschedule", new_start, format="json").status_code == 404
        assert website.post(f"{path}/cancel").status_code == 404
    assert [booking["id"] for booking in website.get("/bookings/").json()["results"]] == [own]
    assert website.get(f"/bookings/{own}").json()["status"] == "pending"
    assert website.put(f"/bookings/{own}/reschedule", new_start, format="json").json()["version"] == 2
    assert website.post(f"/bookings/{own}/cancel").json()["status"] == "cancelled"


def test_service_token_with_the_manage_token_of_another_booking_may_change_it():
    website = service_client()
    created = book(service_client("Kiosk")).json()

    response = website.post(f"/bookings/{created['id']}/cancel", headers={"X-Booking-Token": created["manage_token"]})

    assert response.json()["status"] == "cancelled"


def test_service_token_has_no_rights_of_staff():
    website = service_client()
    booking = make_booking()

    verbs = [website.put(f"/bookings/{booking.pk}/{verb}") for verb in ("confirm", "decline", "complete", "no-show")]
    overlap = book(website, booking.service, allow_overlap=True)

    assert [response.status_code for response in verbs] == [403] * 4
    assert (overlap.status_code, overlap.json()["errors"][0]["field"]) == (400, "allow_overlap")
    assert website.delete("/auth/token").status_code == 403
    assert ServiceToken.objects.filter(revoked_at=None).count() == 1


@pytest.mark.parametrize("end", ["revoke", "guess"])
def test_revoked_or_unknown_service_token_is_401(end):
    new_token = create_service_token(name="Website")
    client = bearer_client(new_token.token if end == "revoke" else "svc_guess")
    if end == "revoke":
        new_token.row.revoke()

    responses = [client.get("/bookings/"), book(client)]

    assert [response.status_code for response in responses] == [401, 401]
    assert "revoked" in responses[0].json()["detail"]
    assert Booking.objects.count() == 0


def test_revoke_twice_keeps_the_first_time():
    row = create_service_token(name="Website").row

    assert (row.revoke(), row.revoke()) == (True, False)


def test_stored_service_token_is_hashed():
    token = create_service_token(name="Website").token

    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM accounts_servicetoken t")
        ((row,),) = cursor.fetchall()
    assert (token in row, token.startswith("svc_"), len(token)) == (False, True, 47)


def test_name_is_unique_among_active_service_tokens():
    first = create_service_token(name="Website").row

    with pytest.raises(ServiceTokenNameInUse, match="Choose another name"):
        create_service_token(name="Website")
    first.revoke()

    assert create_service_token(name="Website").row.pk != first.pk


def test_use_of_a_service_token_is_recorded_once_an_hour(django_assert_num_queries):
    new_token = create_service_token(name="Website")
    website = bearer_client(new_token.token)
    website.get("/bookings/")
    first_use = ServiceToken.objects.get().last_used_at
    website.get("/bookings/")
    same_hour = ServiceToken.objects.get().last_used_at
    ServiceToken.objects.update(last_used_at=timezone.now() - timedelta(hours=2))
    website.get("/bookings/")

    assert (first_use, ServiceToken.objects.get().last_used_at > first_use) == (same_hour, True)


def test_staff_token_books_at_the_desk():
    user = make_staff("asha")

    created = book(staff_client(user), make_paid_service(), customer={**CUSTOMER, "phone": "+919812340077"})

    assert (created.status_code, created.json()["status"]) == (201, "confirmed")
    assert BookingEvent.objects.get().actor == "staff asha"


@pytest.fixture
def contact_checks(monkeypatch):
    monkeypatch.setattr(customers, "_contact_checks", [])


def test_staff_token_books_for_a_customer_whom_no_message_reaches(api, contact_checks):
    add_contact_check(lambda customer: {"phone": "No message reaches this number."})
    service = make_service(resources=2)

    by_customer, by_staff = book(api, service), book(staff_client(), service)

    assert (by_customer.json()["errors"][0]["code"], by_staff.status_code) == ("unreachable", 201)


def test_staff_token_without_the_permission_does_not_book():
    response = book(staff_client(make_staff("new", group=None)))

    assert (response.status_code, Booking.objects.count()) == (403, 0)


EXPIRED = ["expired staff token", "revoked service token", "made up"]


@pytest.fixture(params=EXPIRED)
def invalid(request):
    if request.param == "made up":
        return bearer_client("f" * 64)
    if request.param == "revoked service token":
        new_token = create_service_token(name="Website")
        new_token.row.revoke()
        return bearer_client(new_token.token)
    return bearer_client(create_staff_token(user=make_staff(), lifetime=timedelta(0)).token)


def test_invalid_token_does_not_break_public_routes(invalid, settings):
    settings.RAZORPAY_KEY_ID = settings.RAZORPAY_KEY_SECRET = "x"
    service, day = make_service(), f"{slot():%Y-%m-%d}"

    statuses = [
        invalid.get(path).status_code
        for path in ("/services/", f"/services/{service.slug}/availability?from={day}", "/schema/", "/healthz")
    ]

    assert statuses == [200] * 4
    assert invalid.post("/bookings/verify-payment", {}, format="json").status_code == 400
    assert invalid.post("/auth/token", {}, format="json").status_code == 400


def test_invalid_token_beside_a_manage_token_does_no_harm(invalid, api):
    created = book(api).json()
    path, headers = f"/bookings/{created['id']}", {"X-Booking-Token": created["manage_token"]}

    responses = [
        invalid.get("/bookings/", headers=headers),
        invalid.get(path, headers=headers),
        invalid.put(f"{path}/reschedule", {"starts_at": slot(hour=14).isoformat()}, format="json", headers=headers),
        invalid.post(f"{path}/cancel", headers=headers),
    ]

    assert [response.status_code for response in responses] == [200] * 4
    assert invalid.get(path, headers={"X-Booking-Token": "guess"}).status_code == 404


def test_invalid_token_is_401_where_it_identifies_the_caller(invalid):
    """Otherwise a booking of the desk or of a program would silently become that of an anonymous customer."""
    responses = [book(invalid), invalid.get("/bookings/"), invalid.get(f"/bookings/{make_booking().pk}")]

    assert [response.status_code for response in responses] == [401] * 3
