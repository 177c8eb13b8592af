"""What the OpenAPI schema says beyond what drf-spectacular can see."""

from typing import Any

from config.problem_pages import PROBLEMS
from config.schema_examples import EXAMPLES

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


def add_problem_responses(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give every operation the one error shape."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = {"description": "A problem, with its code", "content": content}
    return result


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Show an example of everything that is sent and answered."""
    for name, example in EXAMPLES.items():
        result["components"]["schemas"][name]["examples"] = [example]
    return result
