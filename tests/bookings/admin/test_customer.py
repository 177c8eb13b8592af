import pytest

from tests.builders.bookings import make_booking

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
