"""What has to stand before a load: bookings to confirm and complete, and payments to verify."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from benchmarks.demand import DESK, PAID, Demand
from benchmarks.openloop import Call
from benchmarks.stage import Daybook

TRIES = 10
GATEWAY_AWAY = 503


class Preparation:
    """Makes, through Daybook's own API, what the calls of a load need."""

    def __init__(self, daybook: Daybook, demand: Demand) -> None:
        self._daybook = daybook
        self._demand = demand

    def confirmations(self, count: int) -> list[Call]:
        return [self._move(booking["id"], "confirm") for booking in self._many(count, self._book)]

    def completions(self, count: int) -> list[Call]:
        return [self._move(booking["id"], "complete") for booking in self._many(count, self._confirmed)]

    def verifications(self, count: int) -> list[Call]:
        return [
            Call("verify-payment", "POST", "/bookings/verify-payment", paid) for paid in self._many(count, self._paid)
        ]

    def _many(self, count: int, make: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: make(), range(count)))

    def _move(self, booking_id: str, verb: str) -> Call:
        return Call(verb, "PUT", f"/bookings/{booking_id}/{verb}", headers=self._daybook.staff)

    def _book(self) -> dict[str, Any]:
        return self._ask("POST", "/bookings/", json=self._demand.body(DESK))

    def _confirmed(self) -> dict[str, Any]:
        booking = self._book()
        return self._ask("PUT", f"/bookings/{booking['id']}/confirm", headers=self._daybook.staff)

    def _paid(self) -> dict[str, Any]:
        order_id = self._held()["checkout"]["order_id"]
        answer = requests.post(f"{self._daybook.sandbox.http_url}/sandbox/orders/{order_id}/pay", json={}, timeout=10)
        answer.raise_for_status()
        paid: dict[str, Any] = answer.json()
        return paid

    def _held(self) -> dict[str, Any]:
        for _ in range(TRIES):
            try:
                return self._ask("POST", "/bookings/razorpay-booking", json=self._demand.body(PAID))
            except requests.HTTPError as refusal:
                # Daybook gives the gateway a third of a second, which a busy machine may miss.
                if refusal.response is None or refusal.response.status_code != GATEWAY_AWAY:
                    raise
        raise TimeoutError(f"The gateway was not reached in {TRIES} tries.")

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = requests.request(method, self._daybook.base + path, timeout=10, **options)
        answer.raise_for_status()
        made: dict[str, Any] = answer.json()
        return made
