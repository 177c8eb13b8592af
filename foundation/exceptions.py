"""Requests that the rules refuse. Each exception class carries its problem code and HTTP status (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar


class RequestRefused(Exception):
    """The rules do not allow the request. ``str(error)`` tells the caller what to do next.

    ``explanation`` and ``advice`` are the texts of the problem's page. ``retry_after`` is in seconds; None means that a
    repeat would be refused again. Several classes may share a ``code``; the first one that is defined explains it.
    """

    status: ClassVar[int]
    code: ClassVar[str]
    explanation: ClassVar[str] = ""
    advice: ClassVar[str] = ""
    retry_after: int | None = None

    def extra_members(self) -> dict[str, Any]:
        """Return what the problem says in addition to the members that every problem has."""
        return {}


def all_refusals(base: type[RequestRefused] = RequestRefused) -> Iterator[type[RequestRefused]]:
    """Yield every subclass that has a code, in the order of definition."""
    for refusal in base.__subclasses__():
        if hasattr(refusal, "code"):
            yield refusal
        yield from all_refusals(refusal)
