import re
from io import StringIO
from itertools import chain

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from bookings.exceptions import SlotTaken
from foundation.exceptions import RequestRefused, all_refusals
from foundation.http.problem_pages import problem_texts

# Words of the code, which say nothing to a caller.
INTERNAL_WORDS = re.compile(
    r"\b(view|serializer|queryset|ORM|Django|DRF|middleware|throttle|endpoint|handler|None|True|False|self|row|"
    r"manage\.py|lock|Celery|worker|docstring|unless otherwise)s?\b"
)
# The members that a response may leave out.
MAY_BE_MISSING = {"Prefill": {"email"}}
# Those of every operation.
COMMON_CODES = {"400": {"bad_request"}, "406": {"not_acceptable"}, "503": {"database_unavailable"}}


@pytest.fixture(scope="module")
def schema():
    output = StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=output)
    return yaml.safe_load(output.getvalue())


@pytest.fixture(scope="module")
def operations(schema):
    """The operations by their ids."""
    return {
        operation["operationId"]: {**operation, "method": method.upper(), "path": path}
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def codes(operation, status):
    return set(operation["responses"][status]["content"]["application/problem+json"]["examples"])


def texts(node):
    """Yield every text that the schema shows to people."""
    if isinstance(node, dict):
        yield from (node[name] for name in ("title", "summary", "description") if isinstance(node.get(name), str))
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from texts(child)


def members(schema, name):
    """Yield the members of a component and of those that it refers to, with their paths."""
    for member, definition in schema["components"]["schemas"][name].get("properties", {}).items():
        yield f"{name}.{member}", definition


def references(node):
    """Return the names of the components that a part of the schema refers to, directly."""
    if isinstance(node, dict):
        names = {node["$ref"].rpartition("/")[2]} if "$ref" in node else set()
        return names.union(*(references(child) for child in node.values()))
    return set().union(*(references(child) for child in node)) if isinstance(node, list) else set()


def components_of(schema, part):
    """Return the names of all components that a part of the schema refers to, also through other components."""
    names, new = set(), references(part)
    while new:
        names |= new
        new = set().union(*(references(schema["components"]["schemas"][name]) for name in new)) - names
    return names


def response_components(schema, operations):
    return components_of(schema, [operation["responses"] for operation in operations.values()])


def test_schema_is_a_valid_openapi_document(schema):
    validate(schema)


def test_schema_documents_every_operation(operations):
    assert {name: f"{operation['method']} {operation['path']}" for name, operation in operations.items()} == {
        "listServices": "GET /services",
        "getAvailability": "GET /services/{slug}/availability",
        "listBookings": "GET /bookings",
        "createBooking": "POST /bookings",
        "getBooking": "GET /bookings/{booking_id}",
        "getCheckout": "GET /bookings/{booking_id}/checkout",
        "confirmBooking": "PUT /bookings/{booking_id}/confirm",
        "declineBooking": "PUT /bookings/{booking_id}/decline",
        "completeBooking": "PUT /bookings/{booking_id}/complete",
        "markNoShow": "PUT /bookings/{booking_id}/no-show",
        "cancelBooking": "POST /bookings/{booking_id}/cancel",
        "rescheduleBooking": "PUT /bookings/{booking_id}/reschedule",
        "createPaidBooking": "POST /bookings/razorpay-booking",
        "verifyPayment": "POST /bookings/verify-payment",
        "signIn": "POST /auth/token",
        "signOut": "DELETE /auth/token",
    }


def test_operations_have_a_name_a_summary_and_a_description(schema, operations):
    tags = {tag["name"] for tag in schema["tags"]}
    for name, operation in operations.items():
        assert re.fullmatch(r"(list|get|create|cancel|confirm|[a-z]+)[A-Z][A-Za-z]+", name), name
        assert operation["summary"], name
        assert operation["description"].endswith("."), name
        assert set(operation["tags"]) <= tags, name


def test_component_names_do_not_stutter(schema):
    for name in schema["components"]["schemas"]:
        words = re.findall(r"[A-Z][a-z]+", name)
        assert len(words) == len(set(words)), name
        # A serializer for both directions would need two components: one for input has a name of its own.
        assert not name.endswith("Request"), f"Name the serializer of the request body {name[:-7]}InputSerializer"


def test_published_texts_are_for_callers(schema):
    published = [text for text in texts(schema) if INTERNAL_WORDS.search(text)]

    assert published == []


def test_bodies_have_valid_and_complete_examples(schema, operations):
    bodies = [[operation["responses"], operation.get("requestBody")] for operation in operations.values()]
    for name in references(bodies):
        component = schema["components"]["schemas"][name]
        assert len(component.get("examples", [])) == 1, f"Add an example of {name} to config/schema_examples.py"
        (example,) = component["examples"]

        validator = Draft202012Validator({**schema, "$ref": f"#/components/schemas/{name}"})

        assert [error.message for error in validator.iter_errors(example)] == [], name
        optional = {"errors", *chain.from_iterable(refusal.extra_schemas for refusal in all_refusals())}
        assert set(component["properties"]) - set(example) <= optional - {"alternatives"}, name


def test_examples_of_problems_are_valid(schema, operations):
    validator = Draft202012Validator({**schema, "$ref": "#/components/schemas/Problem"})
    for name, operation in operations.items():
        for status, response in operation["responses"].items():
            examples = response.get("content", {}).get("application/problem+json", {}).get("examples", {})
            for code, example in examples.items():
                assert [error.message for error in validator.iter_errors(example["value"])] == [], (name, code)
                assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))


def test_members_of_responses_are_required(schema, operations):
    for name in response_components(schema, operations) - {"Problem"}:
        component = schema["components"]["schemas"][name]
        assert set(component["properties"]) - set(component["required"]) == MAY_BE_MISSING.get(name, set()), name
    assert len(schema["components"]["schemas"]["Service"]["required"]) >= 19


def test_members_that_every_problem_has_are_required(schema):
    problem = schema["components"]["schemas"]["Problem"]

    assert problem["required"] == ["type", "title", "status", "code", "detail", "instance"]
    assert set(problem["properties"]) > {"errors", "alternatives", "booking"}


def test_choices_of_responses_are_open(schema, operations):
    opened = set()
    for name in response_components(schema, operations):
        for path, member in members(schema, name):
            assert "enum" not in member, path
            if "x-extensible-enum" in member:
                assert "Later versions may add values" in member["description"], path
                opened.add(path)

    assert opened >= {"Booking.status", "NewBooking.status", "Resource.kind", "Service.payment_mode"}


def test_choices_of_requests_are_closed(operations):
    (status,) = [parameter for parameter in operations["listBookings"]["parameters"] if parameter["name"] == "status"]

    assert "no_show" in status["schema"]["enum"]


def test_problem_codes_are_open_and_described(schema):
    code = schema["components"]["schemas"]["Problem"]["properties"]["code"]

    assert (code["type"], "enum" in code) == ("string", False)
    assert [known for known in problem_texts() if f"`{known}`" not in code["description"]] == []


def test_description_states_what_is_not_a_breaking_change(schema):
    assert "These are not breaking changes" in schema["info"]["description"]


def test_description_states_what_service_tokens_may_do_and_which_requests_are_repeats(schema):
    description = " ".join(schema["info"]["description"].split())

    assert "**Service tokens** are bearer tokens for other programs of the business" in description
    assert "Without a key, an equal request of the same caller within 10 minutes is the same request" in description


def test_operations_for_the_owner_of_a_booking_name_the_service_token(operations):
    owned = {name for name, each in operations.items() if {"bookingToken": []} in each["security"]}

    assert {name for name in owned if "service token" not in operations[name]["description"]} == set()
    assert owned == {
        "listBookings",
        "getBooking",
        "getCheckout",
        "getAvailability",
        "cancelBooking",
        "rescheduleBooking",
    }


def test_operations_list_their_problem_codes(operations):
    for name, operation in operations.items():
        problems = {status for status in operation["responses"] if status >= "400"}
        assert "default" not in operation["responses"], name
        for status in problems:
            assert codes(operation, status), (name, status)
            description = operation["responses"][status]["description"]
            assert all(f"`{code}`" in description for code in codes(operation, status)), (name, status)
            assert ("headers" in operation["responses"][status]) == (status in ("409", "429", "503")), (name, status)
        assert all(codes(operation, status) >= common for status, common in COMMON_CODES.items()), name


def test_codes_are_those_of_the_operation(operations):
    create, cancel = operations["createBooking"], operations["cancelBooking"]

    assert codes(create, "409") == {"slot_taken", "already_booked", "request_in_progress"}
    assert codes(create, "401") == {"authentication_failed"}
    assert codes(cancel, "409") == {"invalid_transition", "too_late_to_change"}
    assert "422" not in cancel["responses"]
    assert codes(operations["signIn"], "401") == {"sign_in_failed"}
    assert codes(operations["confirmBooking"], "401") == {"authentication_failed", "not_authenticated"}
    assert "409" not in operations["listServices"]["responses"]


def test_every_refusal_belongs_to_an_operation(operations):
    listed = {
        (status, code)
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if "application/problem+json" in response.get("content", {})
        for code in codes(operation, status)
    }
    refusals = {(str(refusal.status), refusal.code) for refusal in all_refusals() if is_ours(refusal)}

    assert refusals <= listed
    assert {code for _, code in refusals} <= set(problem_texts())


def is_ours(refusal: type[RequestRefused]) -> bool:
    return not refusal.__module__.startswith("tests.")


def test_extra_members_of_problems_are_described(schema):
    described = schema["components"]["schemas"]["Problem"]["properties"]

    assert set(SlotTaken().extra_members()) == set(SlotTaken.extra_schemas) <= set(described)


@pytest.mark.parametrize("name", ["listServices", "signIn", "verifyPayment"])
def test_public_operations_need_no_security(operations, name):
    assert operations[name]["security"] == []


def test_secured_operations_name_their_tokens(schema, operations):
    assert operations["confirmBooking"]["security"] == [{"staffToken": []}]
    assert operations["createBooking"]["security"] == [{"staffToken": []}, {}]
    assert operations["getAvailability"]["security"] == [{"staffToken": []}, {"bookingToken": []}, {}]
    for name in ("getBooking", "listBookings", "cancelBooking", "rescheduleBooking"):
        assert operations[name]["security"] == [{"staffToken": []}, {"bookingToken": []}]
        assert "X-Booking-Token" in [parameter["name"] for parameter in operations[name]["parameters"]]
    schemes = schema["components"]["securitySchemes"]
    assert (schemes["staffToken"]["type"], schemes["staffToken"]["scheme"]) == ("http", "bearer")


@pytest.mark.django_db
def test_schema_is_served_without_its_slash_and_as_json(schema):
    response = Client().get("/schema", {"format": "json"}, headers={"Accept": "application/vnd.oai.openapi+json"})

    assert response.status_code == 200
    assert response.json()["paths"].keys() == schema["paths"].keys()


@pytest.mark.django_db
def test_docs_page_has_a_script_of_its_own_address_that_loads_the_schema():
    page = Client().get("/docs/").content.decode()
    (script,) = re.findall(r'<script src="(/docs[^"]*)"', page)

    response = Client().get(script)

    assert (response.status_code, response["Content-Type"]) == (200, "application/javascript")
    assert '"/schema/"' in response.content.decode()
