"""The response times of five endpoints while every provider takes 2-3 s, and how soon a burst is accepted."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import requests
from django.utils import timezone
from requests.adapters import HTTPAdapter

from benchmarks.counts import settle
from benchmarks.figures import Figure, figure, spread
from benchmarks.setup import Daybook
from bookings.models import Resource, Service, WorkingHours
from sandbox.client import ACCEPTED
from sandbox.process import RunningSandbox

BURST = 30
CUSTOMER = {"name": "Bench Mark", "phone": "+919812340003", "email": "bench@example.com"}


def measure_endpoints(daybook: Daybook, rounds: int) -> list[Figure]:
    """Call each endpoint ``rounds`` times, one request after the other; then send one burst of bookings."""
    _many_doctors()
    client = Client(daybook)
    client.warm_up()
    return [*_endpoints(client, rounds), *_burst(client, daybook.sandbox)]


def _many_doctors() -> None:
    services = list(Service.objects.filter(slug__in=["consultation", "physiotherapy"]).select_related("location"))
    for number in range(10):
        room = Resource.objects.create(location=services[0].location, name=f"Bench room {number}", kind="room")
        room.services.set(services)
        resource = Resource.objects.create(location=services[0].location, name=f"Bench {number}")
        resource.services.set(services)
        WorkingHours.objects.bulk_create(
            WorkingHours(resource=resource, weekday=day, opens_at="09:00", closes_at="18:00") for day in range(7)
        )


class Client:
    """Books as fast as it gets responses, another slot each time."""

    def __init__(self, daybook: Daybook) -> None:
        self.base = daybook.base
        self.sandbox = daybook.sandbox
        self.staff = daybook.staff
        self.http = requests.Session()
        self.http.mount("http://", HTTPAdapter(pool_maxsize=BURST))
        self._slots = iter(list(self._all_slots()))  # of a list, so that threads may share it

    def warm_up(self) -> None:
        """Let every web process load its code."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.book(), range(16)))
            list(pool.map(lambda _: self.checkout(), range(8)))
        settle()

    def book(self) -> dict[str, Any]:
        return self._post("/bookings/", self._request("consultation"))

    def checkout(self) -> dict[str, Any]:
        return self._post("/bookings/razorpay-booking", self._request("physiotherapy"))

    def verify(self, paid: dict[str, str]) -> dict[str, Any]:
        return self._post("/bookings/verify-payment", paid)

    def transition(self, booking_id: str, verb: str) -> None:
        self.http.put(f"{self.base}/bookings/{booking_id}/{verb}", headers=self.staff, timeout=10).raise_for_status()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self.http.post(self.base + path, json=body, timeout=10)
        response.raise_for_status()
        result: dict[str, Any] = response.json()
        return result

    def _request(self, service: str) -> dict[str, Any]:
        return {"service": service, "starts_at": next(self._slots).isoformat(), "customer": CUSTOMER}

    def _all_slots(self) -> Iterator[datetime]:
        zone = timezone.get_default_timezone()
        morning = (datetime.now(zone) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
        for number in range(8 * 80 * 10):
            yield morning + timedelta(days=number // 10 // 8, hours=number // 10 % 8)


def _endpoints(client: Client, rounds: int) -> Iterator[Figure]:
    booked = [_timed(client.book) for _ in range(rounds)]
    settle()
    confirmed = [_timed(lambda b=b: client.transition(b["id"], "confirm")) for _, b in booked]  # type: ignore[misc]
    settle()
    completed = [_timed(lambda b=b: client.transition(b["id"], "complete")) for _, b in booked]  # type: ignore[misc]
    settle()
    held = [_timed(client.checkout) for _ in range(rounds)]
    paid = [client.sandbox.client.pay(response["checkout"]["order_id"]) for _, response in held]
    verified = [_timed(lambda p=p: client.verify(p)) for p in paid]  # type: ignore[misc]
    settle()
    with _instant_gateway(client.sandbox):
        own_time = [_timed(client.checkout) for _ in range(rounds)]
    for name, results in (
        ("POST /bookings/", booked),
        ("PUT /bookings/{id}/confirm", confirmed),
        ("PUT /bookings/{id}/complete", completed),
        ("POST /bookings/verify-payment", verified),
    ):
        yield from spread(name, [ms for ms, _ in results], 50)
    yield from spread("POST /bookings/razorpay-booking, instant gateway", [ms for ms, _ in own_time], 40)
    yield figure("POST /bookings/razorpay-booking, median", statistics.median(ms for ms, _ in held), "ms", 500)


def _burst(client: Client, sandbox: RunningSandbox) -> Iterator[Figure]:
    settle()
    seen = len(sandbox.client.log())
    start = time.time()
    with ThreadPoolExecutor(BURST) as pool:
        references = {booking["reference"] for booking in pool.map(lambda _: client.book(), range(BURST))}
    accepted: list[float] = []
    while len(accepted) < 3 * BURST and time.time() < start + 30:
        time.sleep(0.2)
        entries = [entry for entry in sandbox.client.log(seen) if entry["kind"] in ACCEPTED]
        accepted = [e["at"] for e in entries if any(reference in e["body"] for reference in references)]
    lasted = max(accepted) - start if len(accepted) == 3 * BURST else float("inf")
    yield figure(f"burst of {BURST} bookings: last message accepted after", lasted, "s", 6)


@contextmanager
def _instant_gateway(sandbox: RunningSandbox) -> Iterator[None]:
    sandbox.client.set(gateway_seconds_min=0, gateway_seconds_max=0)
    yield
    sandbox.client.reset_settings()


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    before = time.perf_counter()
    result = call()
    return (time.perf_counter() - before) * 1000, result
