"""Cursor pagination, newest first."""

from datetime import UTC, datetime
from typing import Any, cast

from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

UNREADABLE_CURSOR = Cursor(offset=0, reverse=False, position=None)  # what DRF reads out of junk, and never writes


class NewestFirstPagination(CursorPagination):
    ordering = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        """Return how many rows are asked for. Raises ValidationError for what is no number between 1 and the most."""
        asked = serializers.IntegerField(min_value=1, max_value=self.max_page_size)
        try:
            return int(asked.run_validation(request.query_params.get(self.page_size_query_param, self.page_size)))
        except ValidationError as error:
            raise ValidationError({self.page_size_query_param: error.detail}) from error

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a page. DRF's own calls the links nullable, which OpenAPI 3.1 does not know."""
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def decode_cursor(self, request: Request) -> Any:
        """Return the cursor of the query. Raises ValidationError where it is none, or its position no time.

        DRF checks only its form. The position goes to PostgreSQL, which knows fewer offsets than Python: so, as UTC.
        """
        try:
            cursor = super().decode_cursor(request)
            if cursor is None or (cursor.position is None and cursor != UNREADABLE_CURSOR):
                return cursor
            return Cursor(cursor.offset, cursor.reverse, cast(Any, _as_utc(str(cursor.position))))  # its stub says int
        except (NotFound, ValueError, OverflowError) as error:
            fault = "That is no cursor. Take it from next or previous."
            raise ValidationError({self.cursor_query_param: fault}) from error


def _as_utc(position: str) -> str:
    at = datetime.fromisoformat(position)
    if at.tzinfo is None:
        raise ValueError("A moment has an offset")
    return at.astimezone(UTC).isoformat()
