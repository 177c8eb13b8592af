"""What may be asked of a list, and how it is paged."""

from collections.abc import Container
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request


def asked(
    request: Request, question: type[serializers.Serializer[Any]], *, beside: Container[str] = ()
) -> dict[str, Any]:
    """Return what the query parameters ask for, as ``question`` reads them; ``beside`` it there are these.

    Raises ValidationError, also for a parameter that is none, or empty: misspelt, it would show too much.
    """
    given = request.query_params.dict()  # of a form, DRF would take what is empty for left out
    query = question(data=given)
    faults = {name: "It is empty. Give it a value, or leave it out." for name in given if not given[name]}
    faults |= {
        name: "There is no such parameter. Leave it out."
        for name in given
        if name not in query.fields and name not in beside
    }
    if faults:
        raise ValidationError(faults)
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)


class NewestFirst(CursorPagination):
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
        """Return the cursor of the query. Raises NotFound where its position is no time: DRF checks only its form."""
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                aware = datetime.fromisoformat(str(cursor.position)).tzinfo is not None
            except ValueError:
                aware = False
            if not aware:
                raise NotFound(self.invalid_cursor_message)
        return cursor
