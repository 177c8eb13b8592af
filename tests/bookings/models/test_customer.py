import pytest

from bookings.models import Customer
from tests.builders.bookings import CUSTOMER

pytestmark = pytest.mark.django_db


def test_customers_without_an_email_address_differ_by_name_or_number():
    people = [
        {"name": "Meera Iyer", "phone": "+919812340003"},
        {"name": "Ravi Iyer", "phone": "+919812340003"},
        {"name": "Meera Iyer", "phone": "+919812340004"},
    ]

    customers = [Customer.get_or_insert(**person, email="") for person in [*people, *people]]

    assert len({customer.pk for customer in customers}) == 3
    assert customers[:3] == customers[3:]


def test_customer_without_an_email_address_is_not_the_one_who_has_one():
    with_email = Customer.get_or_insert(**CUSTOMER)

    without_email = Customer.get_or_insert(**{**CUSTOMER, "email": ""})

    assert with_email.pk != without_email.pk
