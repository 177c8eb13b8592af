"""Compares every response of the API in tests with the OpenAPI schema: its status, its problem code and its body."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

# What a response had that the schema does not describe, since the test began.
DEVIATIONS: list[str] = []


class ResponsesMatchSchema:
    """Middleware that records deviations; the fixture ``responses_match_schema`` reports them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        operation = _operation_of(request)
        # A 405 belongs to no operation, and a 500 is a bug that the test reports or provokes.
        if operation is not None and response.status_code not in (405, 500):
            problem = _deviation(operation, response)
            DEVIATIONS.extend([f"{request.method} {request.path}: {problem}"] if problem else [])
        return response


@cache
def generated_schema() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(public=True)
    return json.loads(json.dumps(schema, default=str))  # type: ignore[no-any-return]


@cache
def validator(reference: str) -> Draft202012Validator:
    """Return the validator of the schema at a JSON pointer, such as #/components/schemas/Booking."""
    return Draft202012Validator({**generated_schema(), "$ref": reference})


def _operation_of(request: HttpRequest) -> dict[str, Any] | None:
    if request.resolver_match is None:
        return None
    path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", request.resolver_match.route).rstrip("/")
    operation: dict[str, Any] | None = generated_schema()["paths"].get(path, {}).get(str(request.method).lower())
    return operation


def _deviation(operation: dict[str, Any], response: HttpResponse) -> str:
    described = operation["responses"].get(str(response.status_code))
    if described is None:
        return f"the schema has no response {response.status_code}: {response.content!r}"
    if "content" not in described:
        return f"the schema has no body, but it is {response.content!r}" if response.content else ""
    media_type = response["Content-Type"].partition(";")[0]
    if media_type not in described["content"]:
        return f"the schema has no {response.status_code} of the type {media_type}"
    content, body = described["content"][media_type], json.loads(response.content)
    if "examples" in content and body["code"] not in content["examples"]:
        return (
            f"name the exception with the code {body['code']} in the operation's @raises (foundation/http/openapi.py)"
        )
    errors = _errors(content["schema"], body)
    return f"the body differs from its schema: {errors}" if errors else ""


def _errors(schema: dict[str, Any], body: Any) -> list[str]:
    if "$ref" not in schema:  # the only other bodies are lists
        return [error for item in body for error in _errors(schema["items"], item)]
    return [f"{error.json_path}: {error.message}" for error in validator(schema["$ref"]).iter_errors(body)]
