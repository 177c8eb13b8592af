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
    output = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=output)
    return yaml.safe_load(output.getvalue())


def test_schema_is_valid_and_documents_every_operation(schema):
    operations = {(method.upper(), path) for path, methods in schema["paths"].items() for method in methods}

    assert operations == {
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


def referenced_schemas(node):
    """Return the names of the schemas that requests and responses refer to."""
    if isinstance(node, dict):
        names = {node["$ref"].rpartition("/")[2]} if "$ref" in node else set()
        return names.union(*(referenced_schemas(child) for child in node.values()))
    return set().union(*(referenced_schemas(child) for child in node)) if isinstance(node, list) else set()


def test_examples_are_valid_and_complete(schema):
    for name in referenced_schemas(schema["paths"]):
        (example,) = schema["components"]["schemas"][name]["examples"]

        validator = Draft202012Validator({**schema, "$ref": f"#/components/schemas/{name}"})

        assert [error.message for error in validator.iter_errors(example)] == [], name
        missing = set(schema["components"]["schemas"][name]["properties"]) - set(example)
        assert missing <= {"errors", "booking"}, name


def test_operations_document_their_problem_responses(schema):
    for methods in schema["paths"].values():
        for operation in methods.values():
            failures = {status: response for status, response in operation["responses"].items() if status >= "400"}
            assert {"400", "401", "406", "503"} <= set(failures)
            assert all("application/problem+json" in response["content"] for response in failures.values())
            assert all("Retry-After" in failures[status]["headers"] for status in failures.keys() & {"429", "503"})
            assert "default" not in operation["responses"]


def test_problem_responses_name_the_codes_of_each_status(schema):
    responses = schema["paths"]["/bookings/"]["post"]["responses"]

    assert "`slot_taken`" in responses["409"]["description"]
    assert "`sign_in_failed`" in schema["paths"]["/auth/token"]["post"]["responses"]["401"]["description"]
    assert "`outside_hours`" in responses["422"]["description"]
    assert schema["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == list(problem_texts())


def test_own_statuses_name_existing_operations(schema):
    assert set(OWN_STATUSES) <= {(method, path) for path, methods in schema["paths"].items() for method in methods}


@pytest.mark.django_db
def test_docs_page_loads_nothing_from_other_hosts():
    page = Client().get("/docs/").content.decode()

    assert re.findall(r"(?:src|href)=[\"'](https?:)?//", page) == []
