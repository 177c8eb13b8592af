"""The demo's API calls on behalf of customers and staff. Each call prints one line of the table."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from typing import Any

import requests
from django.core.management.base import OutputWrapper
from django.utils import timezone

from runtime.processes import wait_for_web

# The promised response times. Others are shown only: signing in, for example, takes as long as hashing a password.
LIMIT_MS = {
    "POST /bookings/": 500,
    "POST /bookings/razorpay-booking": 500,
    "POST /bookings/verify-payment": 200,
    "PUT /bookings/{id}/confirm": 500,
    "PUT /bookings/{id}/complete": 500,
}
TIMEOUT_SECONDS = 10
WARM_UP_REQUESTS = 8


class UnexpectedResponse(Exception):
    """The demo cannot continue after this response."""


class ApiCalls:
    """Calls the API, prints each response, and records the bookings and whether all responses were as expected."""

    def __init__(self, out: OutputWrapper, base: str) -> None:
        self.out = out
        self.base = base
        self.bookings: list[str] = []
        self.is_as_expected = True
        self._http = requests.Session()

    def wait_for_web(self) -> None:
        """Return once the web server responds and its processes are warmed up."""
        wait_for_web(self.base)
        for _ in range(WARM_UP_REQUESTS):  # invalid, so that they book nothing
            requests.post(f"{self.base}/bookings/", json={"customer": new_customer()}, timeout=TIMEOUT_SECONDS)

    def call(self, endpoint: str, expected: int = 200, note: str = "", **request: Any) -> dict[str, Any]:
        """Call ``METHOD /path``, print a line, and return the response body. Raises UnexpectedResponse."""
        method, path = endpoint.split()
        name = request.pop("name", endpoint)
        before = time.perf_counter()
        response = self._http.request(method, self.base + path, timeout=TIMEOUT_SECONDS, **request)
        elapsed_ms = (time.perf_counter() - before) * 1000
        limit = LIMIT_MS.get(name)
        line = f"  {name:<36}{response.status_code:>7}{elapsed_ms:>8.0f}{limit or '-':>10}  {note}".rstrip()
        self.print_line(line, response.status_code == expected and (limit is None or elapsed_ms < limit))
        if response.status_code != expected:
            raise UnexpectedResponse(f"{name} responded: {response.text}")
        body: dict[str, Any] = response.json()
        return body

    def find_slot(self, service: str, *, party_size: int = 1, resources: int = 1, after: str = "") -> dict[str, Any]:
        """Return the first slot from tomorrow on that starts after ``after`` and has at least ``resources`` free ones.

        Raises UnexpectedResponse if there is none within 60 days.
        """
        tomorrow = timezone.localdate() + timedelta(days=1)
        query_params = {"from": tomorrow, "to": tomorrow + timedelta(days=60), "party_size": party_size}
        response = self.call(
            f"GET /services/{service}/availability",
            name="GET /services/{slug}/availability",
            params=query_params,
            note=service,
        )
        slots: list[dict[str, Any]] = [
            slot for slot in response["slots"] if slot["starts_at"] > after and len(slot["resources"]) >= resources
        ]
        if not slots:
            raise UnexpectedResponse(f"There is no free slot for {service} left in the next 60 days.")
        return slots[0]

    def book(
        self, service: str, slot: dict[str, Any], *, path: str = "/bookings/", **booking_input: Any
    ) -> dict[str, Any]:
        """Book a slot for a new customer. ``booking_input``: further fields of POST /bookings/."""
        body = {"service": service, "starts_at": slot["starts_at"], "customer": new_customer(), **booking_input}
        response = self.call(f"POST {path}", 201, json=body, note=service)
        self.bookings.append(response.get("booking", response)["id"])
        return response

    def change(
        self, method: str, kind: str, booking: dict[str, Any], headers: dict[str, str], **request: Any
    ) -> dict[str, Any]:
        """Call ``/bookings/{id}/<kind>`` for a booking."""
        return self.call(
            f"{method} /bookings/{booking['id']}/{kind}",
            name=f"{method} /bookings/{{id}}/{kind}",
            headers=headers,
            note=booking["service"],
            **request,
        )

    def print_line(self, line: str, is_as_expected: bool) -> None:
        """Print a line, marked with ``!`` if it is not as expected."""
        self.is_as_expected = self.is_as_expected and is_as_expected
        self.out.write(line if is_as_expected else f"{line}  !")


def new_customer() -> dict[str, str]:
    """Return a random new customer: messages per address are limited, and the demo may run many times a day."""
    number = 10_000_000 + secrets.randbelow(90_000_000)
    return {"name": "Meera Iyer", "phone": f"+9198{number}", "email": f"meera.{number}@example.com"}
