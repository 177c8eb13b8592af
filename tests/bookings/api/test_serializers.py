import pytest

from bookings.api.representation import represent_booking
from bookings.api.serializers import CustomerInputSerializer
from bookings.models import Booking
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_booking, make_service

pytestmark = pytest.mark.django_db

WITHOUT_EMAIL = [{"email": ""}, {"email": None}, {}]


def customer_with(changes):
    return {**{name: value for name, value in CUSTOMER.items() if name != "email"}, **changes}


@pytest.mark.parametrize(("changes", "code"), [*zip(WITHOUT_EMAIL, ("blank", "null", "required"), strict=True)])
def test_customer_needs_an_email_address_online(api, changes, code):
    response = api.post("/bookings/", booking_request(make_service(), customer=customer_with(changes)), format="json")

    (error,) = response.json()["errors"]
    assert (response.status_code, error["field"], error["code"]) == (400, "customer.email", code)
    assert not Booking.objects.exists()


@pytest.mark.parametrize("changes", WITHOUT_EMAIL)
def test_customer_of_a_booking_by_staff_needs_no_email_address(changes):
    serializer = CustomerInputSerializer(data=customer_with(changes), context={"is_staff": True})

    assert serializer.is_valid()
    assert serializer.validated_data == {**CUSTOMER, "email": ""}


def test_missing_email_address_is_null():
    booking = make_booking(make_service(), customer={**CUSTOMER, "email": ""}, actor=DESK)

    assert represent_booking(booking)["customer"] == {**CUSTOMER, "email": None}
