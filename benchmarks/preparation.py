"""Prepare what a load needs: bookings to confirm and complete, and payments to verify."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from django.utils import timezone

from benchmarks.booking_requests import DESK, PAID, BookingRequests
from benchmarks.open_loop import Call
from benchmarks.setup import Daybook
from bookings.models import Booking

ATTEMPTS = 10
GATEWAY_UNAVAILABLE = 503


def let_visits_start(booking_ids: list[str]) -> None:
    """Let these visits start now: they cannot be completed before their day."""
    Booking.objects.filter(pk__in=booking_ids).update(starts_at=timezone.now())


class Preparation:
    """Creates the bookings and payments that a load needs, through Daybook's API, and returns the load's calls."""

    def __init__(self, daybook: Daybook, booking_requests: BookingRequests) -> None:
        self._daybook = daybook
        self._booking_requests = booking_requests

    def confirmations(self, count: int) -> list[Call]:
        return [self._transition(booking["id"], "confirm") for booking in self._create_many(count, self._book)]

    def completions(self, count: int) -> list[Call]:
        booking_ids = [booking["id"] for booking in self._create_many(count, self._book_and_confirm)]
        let_visits_start(booking_ids)
        return [self._transition(booking_id, "complete") for booking_id in booking_ids]

    def verifications(self, count: int) -> list[Call]:
        return [
            Call("verify-payment", "POST", "/bookings/verify-payment", checkout_response)
            for checkout_response in self._create_many(count, self._pay)
        ]

    def _create_many(self, count: int, create: Callable[[], dict[str, Any]]) -> list[dict[str, Any]]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda _: create(), range(count)))

    def _transition(self, booking_id: str, verb: str) -> Call:
        return Call(verb, "PUT", f"/bookings/{booking_id}/{verb}", headers=self._daybook.staff)

    def _book(self) -> dict[str, Any]:
        return self._request("POST", "/bookings/", json=self._booking_requests.body(DESK))

    def _book_and_confirm(self) -> dict[str, Any]:
        booking = self._book()
        return self._request("PUT", f"/bookings/{booking['id']}/confirm", headers=self._daybook.staff)

    def _pay(self) -> dict[str, Any]:
        order_id = self._hold()["checkout"]["order_id"]
        response = requests.post(f"{self._daybook.sandbox.http_url}/sandbox/orders/{order_id}/pay", json={}, timeout=10)
        response.raise_for_status()
        checkout_response: dict[str, Any] = response.json()
        return checkout_response

    def _hold(self) -> dict[str, Any]:
        for _ in range(ATTEMPTS):
            try:
                return self._request("POST", "/bookings/razorpay-booking", json=self._booking_requests.body(PAID))
            except requests.HTTPError as error:
                # Daybook's deadline for a call of the gateway is short, and a busy machine may miss it.
                if error.response is None or error.response.status_code != GATEWAY_UNAVAILABLE:
                    raise
        raise TimeoutError(f"Daybook did not reach the gateway in {ATTEMPTS} attempts.")

    def _request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        response = requests.request(method, self._daybook.base + path, timeout=10, **options)
        response.raise_for_status()
        body: dict[str, Any] = response.json()
        return body
