"""Parse JSON from untrusted clients."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_DEPTH = 20


class BoundedJSONParser(JSONParser):
    """Accepts only JSON objects of limited depth. Deep nesting raises ParseError, not RecursionError."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            data = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        if _is_deeper(data, MAX_DEPTH):
            raise ParseError(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        return data


def _is_deeper(data: Any, levels: int) -> bool:
    layer = [data]
    for _ in range(levels):
        layer = [child for node in layer for child in _children(node)]
        if not layer:
            return False
    return True


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
