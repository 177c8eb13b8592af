"""Strict query parameters: an unknown, repeated or empty one is an error."""

from collections.abc import Container
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


def parse_query_params(
    request: Request, question: type[serializers.Serializer[Any]], *, beside: Container[str] = ()
) -> dict[str, Any]:
    """Return what the query parameters ask for, as ``question`` reads them; ``beside`` it there are these.

    Raises ValidationError, also for a parameter that is none, or empty: misspelt, it would show too much.
    """
    asked_for = request.query_params
    query = question(data=asked_for.dict())  # of a form, DRF would take what is empty for left out
    faults = {name: "It is empty. Give it a value, or leave it out." for name in asked_for if not asked_for[name]}
    faults |= {name: "Give it once." for name, values in asked_for.lists() if len(values) > 1}
    faults |= {
        name: "There is no such parameter. Leave it out."
        for name in asked_for
        if name not in query.fields and name not in beside
    }
    if faults:
        raise ValidationError(faults)
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)
