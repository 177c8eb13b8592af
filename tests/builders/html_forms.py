"""Read the forms of a page as a browser does."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        name = values.get("name") or ""
        if tag == "input" and values.get("type") not in ("submit", "button", "checkbox", "radio"):
            self._add(name, values.get("value") or "")
        elif tag == "input" and values.get("type") in ("checkbox", "radio") and "checked" in values:
            self._add(name, values.get("value") or "on")
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in values:
            self._add(self._select, values.get("value") or "")
        elif tag == "textarea":
            self._textarea = name
            self.values[name] = [""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = ""

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.values[self._textarea] = [self.values[self._textarea][0] + data.removeprefix("\n")]

    def _add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)


def read_form(response: Any) -> dict[str, list[str]]:
    """Return what a browser sends for the page's form if nothing is changed: lists of values by name."""
    reader = _FormReader()
    reader.feed(response.content.decode())
    return {name: values for name, values in reader.values.items() if name and "__prefix__" not in name}
