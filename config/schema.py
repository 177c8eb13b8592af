"""Additions to the OpenAPI schema that drf-spectacular cannot derive: errors and examples."""

from typing import Any

from config.schema_examples import EXAMPLES
from foundation.http.problem_pages import problem_texts
from foundation.http.problems import codes_for_status


def problem_schema() -> dict[str, Any]:
    """Return the schema of a problem, with every code."""
    return {
        "type": "object",
        "description": "RFC 9457. Branch on `code`; the texts may change.",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {
                "type": "string",
                "enum": list(problem_texts()),
                "description": "Each has a page under /problems/. For an unknown code, go by the status.",
            },
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "alternatives": {
                "type": "array",
                "items": {"type": "string"},
                "description": "With slot_taken: start times of free slots.",
            },
            "booking": {"type": "object", "description": "With gateway_unavailable: the booking that holds the slot."},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "field": {"type": ["string", "null"]},
                        "code": {"type": "string"},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
        "required": ["type", "title", "status", "code", "detail"],
    }


# Error statuses: of every operation, of those with a path parameter, of those with a body, and of single operations.
EVERY_OPERATION = [400, 401, 406, 503]
WITH_PATH_PARAMETER = [404]
WITH_BODY = [413, 415]
OWN_STATUSES = {
    ("post", "/auth/token"): [429],
    ("get", "/services/{slug}/availability"): [403, 429],
    ("get", "/bookings/"): [403, 429],
    ("post", "/bookings/"): [409, 422, 429],
    ("post", "/bookings/razorpay-booking"): [404, 409, 422, 429, 502],
    ("post", "/bookings/verify-payment"): [404, 409],
    ("get", "/bookings/{booking_id}"): [403, 429],
    ("post", "/bookings/{booking_id}/cancel"): [403, 409, 429],
    ("put", "/bookings/{booking_id}/reschedule"): [403, 409, 422, 429],
} | {("put", f"/bookings/{{booking_id}}/{verb}"): [403, 409] for verb in ("confirm", "decline", "complete", "no-show")}
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}}}
REPLAY_HEADER = {
    "Idempotent-Replayed": {
        "description": "`true` if this is a replay of the first response.",
        "schema": {"type": "string"},
    }
}


def add_problem_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the error responses of every operation: the common format, with the codes of each status."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = problem_schema()
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            statuses = {
                *EVERY_OPERATION,
                *OWN_STATUSES.get((method, path), []),
                *(WITH_PATH_PARAMETER if "{" in path else []),
            }
            if "requestBody" in operation:
                statuses.update(WITH_BODY)
            for status in sorted(statuses):
                operation["responses"][str(status)] = _problem_response(status)
            if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
                operation["responses"]["201"]["headers"] = REPLAY_HEADER
    return result


def _problem_response(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{code}`" for code in sorted(codes_for_status(status)))
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    response = {"description": f"A problem: {codes}.", "content": content}
    return response | ({"headers": RETRY_AFTER} if status in (409, 429, 503) else {})


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add an example of every request and response body."""
    for name, example in EXAMPLES.items():
        result["components"]["schemas"][name]["examples"] = [example]
    return result
