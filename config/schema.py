"""What the OpenAPI schema says beyond what drf-spectacular can see."""

from typing import Any

from config.schema_examples import EXAMPLES
from foundation.http.problem_pages import PROBLEMS
from foundation.http.problems import codes_of

PROBLEM = {
    "type": "object",
    "description": "RFC 9457. Branch on `code`; the texts may change.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {
            "type": "string",
            "enum": sorted(PROBLEMS),
            "description": "Each has a page under /problems/. One that is new to you: go by its status.",
        },
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "alternatives": {"type": "array", "items": {"type": "string"}, "description": "Of slot_taken: free starts."},
        "booking": {"type": "object", "description": "Of gateway_unavailable: the slot that stays held."},
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


# How calls fail beside how all of them do: what is named in the path, sent in a body, or decided by the apps.
ALL = [400, 401, 406, 503]
NAMING = [404]
SENDING = [413, 415]
CALLS = {
    ("post", "/auth/token"): [429],
    ("get", "/bookings/"): [403, 429],
    ("post", "/bookings/"): [409, 422, 429],
    ("post", "/bookings/razorpay-booking"): [409, 422, 429, 502],
    ("post", "/bookings/verify-payment"): [404, 409],
    ("get", "/bookings/{booking_id}"): [403, 429],
    ("post", "/bookings/{booking_id}/cancel"): [403, 409, 429],
    ("put", "/bookings/{booking_id}/reschedule"): [403, 409, 422, 429],
} | {("put", f"/bookings/{{booking_id}}/{verb}"): [403, 409] for verb in ("confirm", "decline", "complete", "no-show")}
RETRY_AFTER = {"Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}}}
REPLAYED = {
    "Idempotent-Replayed": {"description": "`true` if this is the first answer again.", "schema": {"type": "string"}}
}


def add_problem_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Let every operation say how it fails: the one error shape, with the codes that come with each status."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            statuses = {*ALL, *CALLS.get((method, path), []), *(NAMING if "{" in path else [])}
            if "requestBody" in operation:
                statuses.update(SENDING)
            for status in sorted(statuses):
                operation["responses"][str(status)] = _problem_response(status)
            if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", [])):
                operation["responses"]["201"]["headers"] = REPLAYED
    return result


def _problem_response(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{code}`" for code in sorted(codes_of(status)))
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    response = {"description": f"A problem: {codes}.", "content": content}
    return response | ({"headers": RETRY_AFTER} if status in (409, 429, 503) else {})


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Show an example of everything that is sent and answered."""
    for name, example in EXAMPLES.items():
        result["components"]["schemas"][name]["examples"] = [example]
    return result
