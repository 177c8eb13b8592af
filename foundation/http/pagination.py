"""Cursor pagination, newest first."""

from datetime import UTC, datetime
from typing import Any, cast

from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

UNREADABLE_CURSOR = Cursor(offset=0, reverse=False, position=None)  # DRF decodes garbage to this, and never sends it


class NewestFirstPagination(CursorPagination):
    ordering = ("-created_at", "-pk")
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        """Return the requested page size. Raises ValidationError unless it is between 1 and ``max_page_size``."""
        field = serializers.IntegerField(min_value=1, max_value=self.max_page_size)
        try:
            return int(field.run_validation(request.query_params.get(self.page_size_query_param, self.page_size)))
        except ValidationError as error:
            raise ValidationError({self.page_size_query_param: error.detail}) from error

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a page. DRF marks the links as ``nullable``, which OpenAPI 3.1 does not have."""
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def decode_cursor(self, request: Request) -> Any:
        """Return the cursor of the query. Raises ValidationError for an invalid one.

        DRF does not validate the position. It is converted to UTC, because PostgreSQL supports fewer UTC offsets than
        Python.
        """
        try:
            cursor = super().decode_cursor(request)
            if cursor is None or (cursor.position is None and cursor != UNREADABLE_CURSOR):
                return cursor
            position = cast(Any, _to_utc(str(cursor.position)))  # the stub says int
            return Cursor(cursor.offset, cursor.reverse, position)
        except (NotFound, ValueError, OverflowError) as error:
            message = "This is not a valid cursor. Use the links in next and previous."
            raise ValidationError({self.cursor_query_param: message}) from error


def _to_utc(position: str) -> str:
    at = datetime.fromisoformat(position)
    if at.tzinfo is None:
        raise ValueError("The position has no UTC offset")
    return at.astimezone(UTC).isoformat()
