"""Checks every page in tests against the Content-Security-Policy: a browser would ignore what it forbids."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

from django.http import HttpRequest, HttpResponse

from tests.schema_check import DEVIATIONS

SOURCES = {"script": "src", "link": "href", "img": "src", "iframe": "src", "form": "action"}
DATA = ("application/json", "importmap")  # of a script that is not executed


class PagesFollowPolicy:
    """Middleware that records deviations; the fixture ``responses_match_schema`` reports them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html") and not response.streaming:
            DEVIATIONS.extend(f"{request.path}: {found}" for found in forbidden_content(response.content.decode()))
        return response


def forbidden_content(page: str) -> list[str]:
    """Return what the policy forbids: inline scripts and styles, event handlers, and content of other hosts."""
    parser = _Parser()
    parser.feed(page)
    return parser.found


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        is_inline_script = tag == "script" and not values.get("src") and values.get("type") not in DATA
        if is_inline_script or tag == "style":
            self.found.append(f"inline <{tag}>")
        self.found += [f"{name} of <{tag}>" for name in values if name == "style" or name.startswith("on")]
        urls = [values.get("href") or "", values.get(SOURCES.get(tag, ""), "") or ""]
        if any(url.strip().lower().startswith("javascript:") for url in urls):
            self.found.append(f"script in the address of <{tag}>")
        if "//" in urls[1].partition("?")[0] and not urls[1].startswith("data:"):
            self.found.append(f"content of another host in <{tag}>: {urls[1]}")
