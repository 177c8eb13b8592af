import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from bookings.models import Customer
from bookings.operations import cancel_booking
from notifications.models import Notification
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, DESK, make_booking

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("phone_input", "expected"), [("098123 40009", "+919812340009"), ("call me", "+919812340003")])
def test_customer_form_normalises_or_rejects_the_phone_number(front_desk, phone_input, expected):
    customer = make_booking().customer

    front_desk.post(
        f"/admin/bookings/customer/{customer.pk}/change/",
        {"name": customer.name, "phone": phone_input, "email": customer.email},
    )

    customer.refresh_from_db()
    assert customer.phone == expected


def test_customer_form_removes_and_adds_the_email_address(front_desk):
    customer = make_booking().customer
    path = f"/admin/bookings/customer/{customer.pk}/change/"
    form = {"name": customer.name, "phone": customer.phone}

    emails = []
    for email in ("", "new@example.com"):
        front_desk.post(path, {**form, "email": email})
        customer.refresh_from_db()
        emails.append(customer.email)

    assert emails == ["", "new@example.com"]


@pytest.mark.parametrize(
    ("stored", "email_input", "expected"),
    [
        ("meera@example.com", "meera@localhost", "meera@example.com"),
        ("meera@example.com", "info@münchen.example", "info@münchen.example"),
        ("meera@localhost", "meera@localhost", "meera@localhost"),
    ],
)
def test_customer_form_refuses_a_new_email_address_that_cannot_be_sent_to(front_desk, stored, email_input, expected):
    customer = make_booking(customer={**CUSTOMER, "email": stored}).customer

    front_desk.post(
        f"/admin/bookings/customer/{customer.pk}/change/",
        {"name": "Another name", "phone": customer.phone, "email": email_input},
    )

    customer.refresh_from_db()
    assert (customer.email, customer.name == "Another name") == (expected, expected == email_input)


@pytest.mark.parametrize("button", ["export", "erase"])
def test_customer_data_is_exported_and_erased_only_with_the_permission(front_desk, manager, button):
    booking = make_booking()
    cancel_booking(booking_id=booking.pk, actor=DESK)
    Notification.objects.update(status="delivered")
    path = f"/admin/bookings/customer/{booking.customer_id}/"

    refused = front_desk.post(f"{path}actions/{button}/", {"confirmed": "yes"})
    page = front_desk.get(f"{path}change/").content.decode()

    assert (refused.status_code, f"actions/{button}" in page) == (403, False)
    assert Customer.objects.get().name == CUSTOMER["name"]
    assert f"actions/{button}" in manager.get(f"{path}change/").content.decode()
    assert manager.post(f"{path}actions/{button}/", {"confirmed": "yes"}).status_code in (200, 302)


def test_superuser_erases_a_customer_after_a_confirmation():
    client = Client()
    client.force_login(make_staff("root", group=None, is_superuser=True))
    booking = make_booking()
    path = f"/admin/bookings/customer/{booking.customer_id}/actions/erase/"
    obstacles = client.get(path).content.decode()
    cancel_booking(booking_id=booking.pk, actor=DESK)
    Notification.objects.update(status="delivered")

    confirmation = client.get(path).content.decode()
    unconfirmed = client.post(path)
    name_before = Customer.objects.get().name
    client.post(path, {"confirmed": "yes"})

    assert f"Booking {booking.reference} is pending." in obstacles
    assert ('name="confirmed"' in obstacles, 'name="confirmed"' in confirmation) == (False, True)
    assert (unconfirmed.status_code, name_before) == (200, CUSTOMER["name"])
    customer = Customer.objects.get()
    assert customer.name == f"Erased customer {customer.pk}"
    page = client.get(f"/admin/bookings/customer/{customer.pk}/change/").content.decode()
    assert ("Erased the personal data" in str(list(LogEntry.objects.values())), 'name="_save"' in page) == (True, False)
