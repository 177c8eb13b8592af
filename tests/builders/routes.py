"""The routes of the URLconf, so that no test leaves one out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.urls import URLResolver, get_resolver


def views_by_route(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each route with its view; the parameters of a route are in angle brackets."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views_by_route(pattern, path)
        else:
            yield path, pattern.callback


def routes() -> list[str]:
    return [route for route, _ in views_by_route()]
