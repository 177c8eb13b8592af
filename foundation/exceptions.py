"""Exceptions for requests that the rules refuse. Each class carries its problem code and HTTP status (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar


class RequestRefused(Exception):
    """The rules do not allow the request. ``str(error)`` tells the caller what to do next.

    ``explanation`` and ``advice`` are the texts of the problem's page. ``retry_after`` is in seconds; None means that a
    retry would be refused again. Several classes may share a ``code``; at most one of them sets the texts.
    ``extra_schemas`` are the JSON schemas of the members that ``extra_members`` returns.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    explanation: ClassVar[str] = ""
    advice: ClassVar[str] = ""
    extra_schemas: ClassVar[dict[str, dict[str, Any]]] = {}
    retry_after: int | None = None

    def extra_members(self) -> dict[str, Any]:
        """Return the members that the problem has in addition to the common ones."""
        return {}


def all_refusals(base: type[RequestRefused] = RequestRefused) -> Iterator[type[RequestRefused]]:
    """Yield every subclass that has a code, depth first."""
    for refusal in base.__subclasses__():
        if hasattr(refusal, "code"):
            yield refusal
        yield from all_refusals(refusal)
