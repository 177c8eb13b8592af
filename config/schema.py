"""What the OpenAPI schema has in addition to the operations that ``foundation.http.openapi`` describes."""

from typing import Any

from config.schema_examples import EXAMPLES


def without_trailing_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Publish each path without the slash at its end: both forms work, and linters object to the slash."""
    return [(path.rstrip("/"), *endpoint) for path, *endpoint in endpoints]


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add an example of every request and response body."""
    for name, example in EXAMPLES.items():
        result["components"]["schemas"][name]["examples"] = [example]
    return result
