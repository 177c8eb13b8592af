import pytest

from tests.builders.bookings import CUSTOMER, make_booking

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
