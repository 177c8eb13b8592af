"""The OpenAPI description of an operation: what drf-spectacular derives from its view, written for generated clients.

The problems of an operation come from its view too: from its authentication, permissions, rate limits, parameters and
body, and from the exceptions that the view and its method name with ``raises``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    ParseError,
    Throttled,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.fields import Field, empty
from rest_framework.permissions import IsAuthenticated

from foundation.exceptions import RequestRefused, all_refusals
from foundation.http.problem_pages import problem_texts
from foundation.http.problem_texts import CONTENT_TYPE, Problem, problem_body
from foundation.http.problems import BAD_REQUEST, DATABASE_UNAVAILABLE, FRAMEWORK_PROBLEMS

RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds to wait before trying again, if waiting helps.",
        "schema": {"type": "integer"},
    }
}
INPUT_KEYWORDS = {
    "readOnly",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "x-spec-enum-id",
}

Refusal = type[RequestRefused] | type[APIException] | Problem
Handler = TypeVar("Handler", bound=Callable[..., Any])


def raises(*refusals: Refusal) -> Callable[[Handler], Handler]:
    """Name the exceptions that a view's method raises in addition to those that its class lists in ``raises``."""

    def decorate(handler: Handler) -> Handler:
        handler.raises = refusals  # type: ignore[attr-defined]
        return handler

    return decorate


class ApiSchema(AutoSchema):
    """Describes one operation. Serializers of request bodies have names that end in ``InputSerializer``."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is not None:
            operation.setdefault("security", [])  # linters and clients read a missing one as a mistake
            operation["responses"] |= self._problem_responses(operation)
        return operation

    def get_auth(self) -> list[dict[str, Any]]:
        auth: list[dict[str, Any]] = super().get_auth()
        return auth if any(auth) else []

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        return name.removesuffix("Request") if name.endswith("InputRequest") else name

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> dict[str, Any]:
        """Mark the members that a response always has as required, and leave out what applies to input only."""
        schema: dict[str, Any] = super()._map_basic_serializer(serializer, direction)
        if direction == "response":
            declared = getattr(serializer, "_declared_fields", {})
            schema["required"] = [name for name in schema["properties"] if not _may_be_missing(declared.get(name))]
            schema["properties"] = {name: _of_response(member) for name, member in schema["properties"].items()}
        return schema

    def _problem_responses(self, operation: dict[str, Any]) -> dict[str, Any]:
        codes: dict[int, set[str]] = {}
        for status, code in map(_status_and_code, self._refusals(operation)):
            codes.setdefault(status, set()).add(code)
        problem = ResolvedComponent("Problem", ResolvedComponent.SCHEMA, problem_schema(), "Problem")
        self.registry.register_on_missing(problem)
        return {str(status): self._problem_response(status, codes[status], problem.ref) for status in sorted(codes)}

    def _problem_response(self, status: int, codes: set[str], reference: dict[str, str]) -> dict[str, Any]:
        texts = {code: text for code, text in problem_texts().items() if code in codes}
        examples = {
            code: {"value": problem_body(status=status, code=code, detail=" ".join(text), instance=self.path)}
            for code, text in texts.items()
        }
        response = {
            "description": "\n".join(f"* `{code}`: {explanation}" for code, (explanation, _) in texts.items()),
            "content": {CONTENT_TYPE: {"schema": reference, "examples": examples}},
        }
        return response | ({"headers": RETRY_AFTER} if status in (409, 429, 503) else {})

    def _refusals(self, operation: dict[str, Any]) -> Iterator[Refusal]:
        yield from (BAD_REQUEST, NotAcceptable, DATABASE_UNAVAILABLE)
        locations = {parameter["in"] for parameter in operation.get("parameters", [])}
        if "path" in locations:
            yield NotFound
        if "query" in locations:
            yield ValidationError
        if "requestBody" in operation:
            yield from (ValidationError, ParseError, FRAMEWORK_PROBLEMS[RequestDataTooBig], UnsupportedMediaType)
        if any(operation["security"]):
            yield AuthenticationFailed
        if any(isinstance(permission, IsAuthenticated) for permission in self.view.get_permissions()):
            yield NotAuthenticated
        if self.view.get_throttles():
            yield Throttled
        yield from getattr(self.view, "raises", ())
        yield from getattr(getattr(self.view, self.method.lower()), "raises", ())


def problem_schema() -> dict[str, Any]:
    """Return the schema of a problem. ``code`` is open: later versions may add codes."""
    texts = "\n".join(f"* `{code}`: {explanation}" for code, (explanation, _) in problem_texts().items())
    error = {"field": {"type": ["string", "null"]}, "code": {"type": "string"}, "detail": {"type": "string"}}
    common: dict[str, Any] = {
        "type": {"type": "string", "description": "The path of a page that explains the code and what to do next."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {
            "type": "string",
            "description": "Later versions may add codes: for an unknown one, go by the status. Each operation lists "
            f"its codes. Known codes:\n{texts}",
        },
        "detail": {"type": "string", "description": "What happened, and what to do next, for people."},
        "instance": {"type": "string", "description": "The path of the request."},
    }
    errors = {
        "type": "array",
        "description": "With `invalid_input`: each invalid field.",
        "items": {"type": "object", "properties": error, "required": list(error)},
    }
    extra = {name: schema for refusal in all_refusals() for name, schema in refusal.extra_schemas.items()}
    return {
        "type": "object",
        "description": "An error, as RFC 9457 defines it. Branch on `code`; the texts may change.",
        "properties": {**common, "errors": errors, **extra},
        "required": list(common),
    }


def _may_be_missing(field: Field[Any, Any, Any, Any] | None) -> bool:
    # DRF leaves out only a field that is declared so. The fields of a model that have a default are always there.
    if field is None or field.required or field.read_only or field.allow_null:
        return False
    return field.default is empty


def _of_response(member: dict[str, Any]) -> dict[str, Any]:
    """Leave out what applies to input only, and open the choices: a client must accept what a later version adds."""
    member = {key: value for key, value in member.items() if key not in INPUT_KEYWORDS}
    if "enum" in member:
        member["x-extensible-enum"] = member.pop("enum")
        member["description"] += "\n\nLater versions may add values."
    return member


def _status_and_code(refusal: Refusal) -> tuple[int, str]:
    if isinstance(refusal, Problem) or issubclass(refusal, RequestRefused):
        return refusal.status, refusal.code
    code = str(refusal.default_code)
    return refusal.status_code, "invalid_input" if code == "invalid" else code
