"""The demo's customers and staff on the telephone to the API: each call is a line of the table."""

from __future__ import annotations

import secrets
import time
from datetime import timedelta
from typing import Any

import requests
from django.core.management.base import OutputWrapper
from django.utils import timezone

from runtime.processes import wait_for_web

PROMISED_MS = {"POST /bookings/verify-payment": 200}
OTHERWISE_MS = 500
TIMEOUT_SECONDS = 10


class ApiCalls:
    """Calls the API, prints each answer, and remembers what was booked and whether all was as promised."""

    def __init__(self, out: OutputWrapper, base: str) -> None:
        self.out = out
        self.base = base
        self.bookings: list[str] = []
        self.kept = True
        self._http = requests.Session()

    def wait_for_web(self) -> None:
        """Return once the web server answers and each of its processes has loaded its code."""
        wait_for_web(self.base)
        for _ in range(8):  # this one is refused
            requests.post(f"{self.base}/bookings/", json={"customer": new_customer()}, timeout=TIMEOUT_SECONDS)

    def call(self, endpoint: str, expected: int = 200, note: str = "", **request: Any) -> dict[str, Any]:
        """Call ``METHOD /path``, print the line, and return the answer. Raises RuntimeError for another status."""
        method, path = endpoint.split()
        named = request.pop("named", endpoint)
        before = time.perf_counter()
        answer = self._http.request(method, self.base + path, timeout=TIMEOUT_SECONDS, **request)
        took = (time.perf_counter() - before) * 1000
        promised = PROMISED_MS.get(named, OTHERWISE_MS)
        line = f"  {named:<36}{answer.status_code:>7}{took:>8.0f}{promised:>10}  {note}".rstrip()
        self.mark(line, answer.status_code == expected and took < promised)
        if answer.status_code != expected:
            raise RuntimeError(f"{named} answered {answer.text}")
        body: dict[str, Any] = answer.json()
        return body

    def free(self, service: str, *, people: int = 1, of: int = 1, after: str = "") -> dict[str, Any]:
        """Return the first slot from tomorrow on, and later than ``after``, that so many of the staff have free."""
        tomorrow = timezone.localdate() + timedelta(days=1)
        asked = {"from": tomorrow, "to": tomorrow + timedelta(days=60), "party_size": people}
        answer = self.call(
            f"GET /services/{service}/availability",
            named="GET /services/{slug}/availability",
            params=asked,
            note=service,
        )
        slots: list[dict[str, Any]] = [
            slot for slot in answer["slots"] if slot["starts_at"] > after and len(slot["resources"]) >= of
        ]
        if not slots:
            raise RuntimeError("Every slot of the demo is taken: make clean, and begin again.")
        return slots[0]

    def book(self, service: str, slot: dict[str, Any], *, path: str = "/bookings/", **wish: Any) -> dict[str, Any]:
        """Book a slot for somebody new; ``wish`` is what else POST /bookings/ takes."""
        body = {"service": service, "starts_at": slot["starts_at"], "customer": new_customer(), **wish}
        answer = self.call(f"POST {path}", 201, json=body, note=service)
        self.bookings.append(answer.get("booking", answer)["id"])
        return answer

    def change(
        self, method: str, what: str, booking: dict[str, Any], headers: dict[str, str], **request: Any
    ) -> dict[str, Any]:
        """Call ``/bookings/{id}/<what>`` for a booking."""
        return self.call(
            f"{method} /bookings/{booking['id']}/{what}",
            named=f"{method} /bookings/{{id}}/{what}",
            headers=headers,
            note=booking["service"],
            **request,
        )

    def mark(self, line: str, fine: bool) -> None:
        """Print a line, and mark one that is not as promised."""
        self.kept = self.kept and fine
        self.out.write(line if fine else f"{line}  !")


def new_customer() -> dict[str, str]:
    """Return somebody new: nobody is written to without end, and a demo may be shown many times a day."""
    number = 10_000_000 + secrets.randbelow(90_000_000)
    return {"name": "Meera Iyer", "phone": f"+9198{number}", "email": f"meera.{number}@example.com"}
