import pytest

from bookings.models import Service
from tests.builders.bookings import make_service

pytestmark = pytest.mark.django_db


def form_of(service, **changes):
    """Return what the admin's form sends for the service."""
    names = [field.name for field in Service._meta.fields if field.editable and not field.primary_key]
    values = {name: getattr(service, name) for name in names} | {"location": service.location_id, "category": ""}
    values |= {"reminder_minutes": "", "max_open_per_customer": "", "price_minor": "500", "deposit_minor": "0"}
    inline = {f"Resource_services-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    return {key: value for key, value in {**values, **inline, **changes}.items() if value is not False}


def change(manager, service, **changes):
    """Send the form; return the errors of its fields."""
    response = manager.post(f"/admin/bookings/service/{service.pk}/change/", form_of(service, **changes))
    service.refresh_from_db()
    return response.context["adminform"].form.errors if response.context else {}


@pytest.mark.parametrize(
    ("currency", "typed", "price_minor"),
    [("INR", "1200.50", 120_050), ("JPY", "5000", 5_000), ("KWD", "1.250", 1_250), ("INR", "0", 0)],
)
def test_price_is_entered_in_major_units_of_the_currency(manager, currency, typed, price_minor):
    service = make_service()

    errors = change(manager, service, currency=currency, price_minor=typed)

    assert (errors, service.price_minor, service.currency) == ({}, price_minor, currency)


def test_form_shows_the_price_in_major_units(manager):
    service = make_service(price_minor=5_000, currency="JPY")

    form = manager.get(f"/admin/bookings/service/{service.pk}/change/").context["adminform"].form

    assert (form["price_minor"].value(), form["price_minor"].label) == ("5000", "Price (JPY)")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"currency": "ABC"}, "currency", "three-letter code"),
        ({"currency": "JPY", "price_minor": "5000.50"}, "price_minor", "whole number"),
        ({"payment_mode": "full", "price_minor": "0.99"}, "__all__", "at least INR 1.00"),
        ({"payment_mode": "deposit", "deposit_minor": "0.50"}, "__all__", "at least INR 1.00"),
        ({"payment_mode": "full", "price_minor": "1.255", "currency": "KWD"}, "__all__", "last decimal"),
    ],
)
def test_price_that_cannot_be_paid_is_an_error_of_the_form(manager, changes, field, message):
    service = make_service()
    before = service.price_minor

    errors = change(manager, service, **changes)

    assert message in str(errors[field])
    assert service.price_minor == before


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"payment_mode": "full", "price_minor": "-5"}, ["price_minor"]),
        ({"payment_mode": "full", "price_minor": "five"}, ["price_minor"]),
        ({"payment_mode": "full", "price_minor": "5.001"}, ["price_minor"]),
        ({"payment_mode": "deposit", "deposit_minor": ""}, ["deposit_minor"]),
        ({"payment_mode": "full", "currency": "ABC"}, ["currency"]),
        ({"payment_mode": "cheque"}, ["payment_mode"]),
    ],
)
def test_invalid_amount_is_the_only_error(manager, changes, fields):
    service = make_service(price_minor=0)

    assert [*change(manager, service, **changes)] == fields
