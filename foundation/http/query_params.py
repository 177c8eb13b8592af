"""Strict query parameters: unknown, repeated and empty ones are errors, since ignoring a filter would show too much."""

from collections.abc import Container
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


def parse_query_params(
    request: Request, serializer_class: type[serializers.Serializer[Any]], *, other_params: Container[str] = ()
) -> dict[str, Any]:
    """Return the query parameters as validated by ``serializer_class``.

    ``other_params`` are allowed but read elsewhere, such as by the pagination. Raises ValidationError.
    """
    query_params = request.query_params
    # As a plain dict: DRF reads a QueryDict as form data, which has other rules for missing values.
    serializer = serializer_class(data=query_params.dict())
    known = {*serializer.fields}
    errors = {
        name: "This parameter is empty. Give it a value, or leave it out."
        for name, value in query_params.items()
        if not value
    }
    errors |= {name: "Give this parameter only once." for name, values in query_params.lists() if len(values) > 1}
    errors |= {
        name: "Unknown parameter. Leave it out."
        for name in query_params
        if name not in known and name not in other_params
    }
    if errors:
        raise ValidationError(errors)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
