import re
from io import StringIO

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator

from config.schema import OWN_STATUSES
from foundation.http.problem_pages import problem_texts


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


def refs(node):
    """The names of the schemas that requests and answers are made of."""
    if isinstance(node, dict):
        named = {node["$ref"].rpartition("/")[2]} if "$ref" in node else set()
        return named.union(*(refs(child) for child in node.values()))
    return set().union(*(refs(child) for child in node)) if isinstance(node, list) else set()


def test_everything_that_is_sent_and_answered_has_an_example_that_is_whole_and_valid(schema):
    for name in refs(schema["paths"]):
        (example,) = schema["components"]["schemas"][name]["examples"]

        validator = Draft202012Validator({**schema, "$ref": f"#/components/schemas/{name}"})

        assert [error.message for error in validator.iter_errors(example)] == [], name
        left_out = set(schema["components"]["schemas"][name]["properties"]) - set(example)
        assert left_out <= {"errors", "booking"}, name


def test_every_call_says_how_it_fails_and_when_to_try_again(schema):
    for methods in schema["paths"].values():
        for operation in methods.values():
            failures = {status: told for status, told in operation["responses"].items() if status >= "400"}
            assert {"400", "401", "406", "503"} <= set(failures)
            assert all("application/problem+json" in told["content"] for told in failures.values())
            assert all("Retry-After" in failures[status]["headers"] for status in failures.keys() & {"429", "503"})
            assert "default" not in operation["responses"]


def test_the_codes_of_each_status_are_told(schema):
    responses = schema["paths"]["/bookings/"]["post"]["responses"]

    assert "`slot_taken`" in responses["409"]["description"]
    assert "`sign_in_failed`" in schema["paths"]["/auth/token"]["post"]["responses"]["401"]["description"]
    assert "`outside_hours`" in responses["422"]["description"]
    assert schema["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(problem_texts())


def test_every_call_that_fails_in_its_own_way_is_one(schema):
    assert set(OWN_STATUSES) <= {(method, path) for path, methods in schema["paths"].items() for method in methods}


@pytest.mark.django_db
def test_the_docs_page_asks_for_nothing_from_outside():
    page = Client().get("/docs/").content.decode()

    assert re.findall(r"(?:src|href)=[\"'](https?:)?//", page) == []
