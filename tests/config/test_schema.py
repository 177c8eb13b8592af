import re
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.test import Client


@pytest.fixture(scope="module")
def schema():
    written = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=written)
    return yaml.safe_load(written.getvalue())


def test_the_schema_is_valid_without_a_warning_and_names_every_call(schema):
    calls = {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}

    assert calls == {
        ("GET", "/services/"),
        ("GET", "/services/{slug}/availability"),
        ("GET", "/bookings/"),
        ("POST", "/bookings/"),
        ("GET", "/bookings/{booking_id}"),
        ("PUT", "/bookings/{booking_id}/confirm"),
        ("PUT", "/bookings/{booking_id}/decline"),
        ("PUT", "/bookings/{booking_id}/complete"),
        ("PUT", "/bookings/{booking_id}/no-show"),
        ("POST", "/bookings/{booking_id}/cancel"),
        ("PUT", "/bookings/{booking_id}/reschedule"),
        ("POST", "/bookings/razorpay-booking"),
        ("POST", "/bookings/verify-payment"),
        ("POST", "/auth/token"),
        ("DELETE", "/auth/token"),
    }


def test_every_call_says_how_it_fails(schema):
    for methods in schema["paths"].values():
        for operation in methods.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]


@pytest.mark.django_db
def test_the_docs_page_asks_for_nothing_from_outside():
    page = Client().get("/docs/").content.decode()

    assert re.findall(r"(?:src|href)=[\"'](https?:)?//", page) == []
