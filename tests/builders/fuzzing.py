"""Random requests to every route, as a program or a browser could send them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.apps import apps
from django.test import RequestFactory

from config.wsgi import application
from tests.builders.html_forms import read_form

METHODS = ["GET"] * 8 + ["POST"] * 9 + ["PUT"] * 3 + ["PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "UNKNOWN"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CSRF_TOKEN = "a" * 32
TEXTS = [
    *("", " ", "0", "-1", "1", "9" * 30, str(2**31), str(2**63), "1.5", "1e400", "NaN", "Infinity", "-0", "٣", "²"),
    *("\0", "a\0b", "\x1b", "\u200b", "\u202e", "\ufeff", "😀", "é" * 3000, "x" * 300, "x" * 70_000, "\udcff\udcfe"),
    *("2026-13-45", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00Z", "10000-01-01", "2026-11-28", "24:00", "25:61"),
    *("true", "None", "on", "[]", "{}", "(", "%", "%00", "../..", "//x", "' OR 1=1 --", "<script>", "{{ 7 }}", "id,id"),
]
JSON_VALUES: list[Any] = [None, True, 0, -1, 10**30, 1.5, [], {}, [[]], {"a": 1}, ["x"], *TEXTS]
LOOKUPS = ["exact", "in", "gte", "lt", "isnull", "year", "regex", "date", "contains", "range", "nothing", "pk"]
ADMIN_PARAMS = [
    "p",
    "o",
    "e",
    "all",
    "q",
    "_popup",
    "_to_field",
    "_changelist_filters",
    "term",
    "page",
    "next",
    "_facets",
]
ADMIN_PARAMS += ["app_label", "model_name", "field_name", "date__year", "created_at__month", "version"]
API_PARAMS = [
    "from",
    "to",
    "resource",
    "status",
    "cursor",
    "page_size",
    "reference",
    "phone",
    "starts_from",
    "on",
    "format",
]
CONTENT_TYPES = [
    "application/json",
    "text/plain",
    "multipart/form-data",
    "multipart/form-data; boundary=b",
    "",
    "a;b=c;;=",
]
CONTENT_TYPES += ["application/json; charset=hex", "application/x-www-form-urlencoded"]


@dataclass
class Response:
    """A response of the WSGI application. ``content`` is complete."""

    status_code: int
    headers: dict[str, str]
    content: bytes


@dataclass
class Request:
    """What is sent. ``str`` names it in a report."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def send(self) -> Response:
        started: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *args: Any) -> None:
            started.update(status=int(status[:3]), headers=dict(headers))

        environ = RequestFactory()._base_environ(  # type: ignore[attr-defined]
            REQUEST_METHOD=self.method,
            PATH_INFO=self.path.encode("utf-8", "surrogateescape").decode("latin-1"),
            QUERY_STRING=self.query,
            CONTENT_LENGTH=str(len(self.body)),
            **{"wsgi.input": BytesIO(self.body), **self.headers},
        )
        result: Any = application(environ, start)
        content = b"".join(result)
        result.close()
        return Response(started["status"], started["headers"], content)


class Fuzzer:
    """Builds requests from a seed. ``identities``: headers by name; ``ids``: a value for each path parameter."""

    def __init__(self, seed: str, identities: dict[str, dict[str, str]], ids: Callable[[str], list[str]]) -> None:
        self.random = random.Random(seed)
        self.identities, self.ids = identities, ids

    def build(self, route: str) -> tuple[str, Request]:
        """Return the name of an identity, and a request to the route in its name."""
        choose = self.random.choice
        identity = choose(list(self.identities))
        headers = {
            **self.identities[identity],
            "HTTP_ACCEPT": choose([BROWSER, BROWSER, "*/*", "application/json", "x/y"]),
        }
        if self.random.random() < 0.1:
            name = choose(
                ["HTTP_IDEMPOTENCY_KEY", "HTTP_X_BOOKING_TOKEN", "HTTP_AUTHORIZATION", "HTTP_REFERER", "HTTP_ORIGIN"]
            )
            headers[name] = re.sub(r"[^\x20-\x7e\x80-\xff]", "", choose(TEXTS))[:300]
        request = Request(choose(METHODS), self._path(route), self._query(route), headers)
        if request.method not in ("GET", "HEAD", "OPTIONS"):
            self._add_body(route, request)
        return identity, request

    def _path(self, route: str) -> str:
        def value(part: re.Match[str]) -> str:
            known = self.ids(route if part[1] in ("object_id", "pk", "id") else part[1])
            return self.random.choice(known if known and self.random.random() < 0.8 else TEXTS)[:500]

        route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\\.)*\)", r"<\1>", route.replace("^", "").replace("$", ""))
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", value, route)

    def _query(self, route: str) -> str:
        if self.random.random() < 0.5:
            return ""
        names = [*ADMIN_PARAMS, *self._lookups(route)] if route.startswith("admin/") else [*API_PARAMS, *ADMIN_PARAMS]
        pairs = [(self.random.choice(names), self._text()[:1000]) for _ in range(self.random.randint(1, 3))]
        return urlencode(pairs, errors="surrogateescape")

    def _lookups(self, route: str) -> list[str]:
        app, _, model = route.removeprefix("admin/").partition("/")
        try:
            fields = apps.get_model(app, model.partition("/")[0])._meta.get_fields()
        except LookupError:
            return ["id__exact"]
        return [f"{each.name}__{self.random.choice(LOOKUPS)}" for each in fields] + [each.name for each in fields]

    def _text(self) -> str:
        return self.random.choice([*TEXTS, str(uuid4()), *self.ids("slug")])

    def _add_body(self, route: str, request: Request) -> None:
        chance = self.random.random()
        if chance < 0.1:
            request.headers["CONTENT_TYPE"] = self.random.choice(CONTENT_TYPES)
            request.body = self.random.choice(
                [b"", b"{", b"[]", b"\xff\xfe", b"[" * 5000, b"a=b", b"--b\r\n\r\n", b"x" * 70_000]
            )
        elif route.startswith(("bookings/", "auth/")):
            request.headers["CONTENT_TYPE"] = "application/json"
            request.body = json.dumps(self._json()).encode()
        else:
            request.headers["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
            request.body = urlencode(self._form(request), doseq=True, errors="surrogateescape").encode()

    def _json(self) -> Any:
        customer = {"name": "Asha", "phone": "+919812345678", "email": "asha@example.com"}
        body: dict[str, Any] = {
            "service": self.random.choice(self.ids("slug")),
            "starts_at": self.random.choice(self.ids("starts_at")),
            "customer": customer,
        }
        for _ in range(self.random.randint(0, 2)):
            target = self.random.choice([body, customer])
            names = [*target, "resource", "party_size", "notes", "language", "username", "password", "reason"]
            target[self.random.choice(names)] = self.random.choice(JSON_VALUES)
        return body if self.random.random() < 0.95 else self.random.choice(JSON_VALUES)

    def _form(self, request: Request) -> dict[str, Any]:
        page = Request("GET", request.path, "", request.headers).send()
        form: dict[str, Any] = (
            read_form(page) if page.status_code == 200 and page.headers["Content-Type"][:9] == "text/html" else {}
        )
        names = [
            *form,
            "action",
            "_selected_action",
            "key",
            "amount_minor",
            "reason",
            "post",
            "select_across",
            "index",
            "_save",
        ]
        for _ in range(self.random.randint(0, 3)):
            name = self.random.choice(names)
            form[name] = self.random.choice(
                [self._text(), self._text(), [self._text(), self._text()], self.ids(name) or ""]
            )
            if self.random.random() < 0.1:
                del form[name]
        if request.path.startswith("/admin/") and self.random.random() < 0.2:
            form |= {"action": self.random.choice(["delete_selected", "nothing", ""]), "index": "0"}
            form["_selected_action"] = self.random.choice([[], self.ids(request.path) or ["1"], [self._text()]])
        return form | {"csrfmiddlewaretoken": CSRF_TOKEN}
