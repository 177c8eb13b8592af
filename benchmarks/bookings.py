"""Benchmark five endpoints while message providers take 2-3 s, and how soon the messages of a burst are accepted."""

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

from benchmarks.booking_requests import customer_input
from benchmarks.counts import wait_until_settled
from benchmarks.figures import Figure, figure, median_and_p95
from benchmarks.preparation import let_visits_start
from benchmarks.setup import Daybook
from bookings.models import Resource, Service, WorkingHours
from sandbox.client import ACCEPTED
from sandbox.process import RunningSandbox

BURST = 30


def measure_endpoints(daybook: Daybook, rounds: int) -> list[Figure]:
    """Call each endpoint ``rounds`` times in sequence; then send one burst of bookings."""
    _add_resources()
    client = Client(daybook)
    client.warm_up()
    return [*_endpoints(client, rounds), *_burst(client, daybook.sandbox)]


def _add_resources() -> None:
    services = list(Service.objects.filter(slug__in=["consultation", "physiotherapy"]).select_related("location"))
    location = services[0].location
    for number in range(10):
        room = Resource.objects.create(name=f"Bench room {number}", kind="room")
        resource = Resource.objects.create(name=f"Bench {number}")
        for each in (room, resource):
            each.services.set(services)
            each.locations.add(location)
        WorkingHours.objects.bulk_create(
            WorkingHours(resource=resource, location=location, weekday=day, opens_at="09:00", closes_at="18:00")
            for day in range(7)
        )


class Client:
    """Sends requests as fast as responses arrive, each for another slot."""

    def __init__(self, daybook: Daybook) -> None:
        self.base = daybook.base
        self.sandbox = daybook.sandbox
        self.staff = daybook.staff
        self.http = requests.Session()
        self.http.mount("http://", HTTPAdapter(pool_maxsize=BURST))
        self._slots = iter(list(enumerate(self._all_slots())))  # a list iterator, which threads may share

    def warm_up(self) -> None:
        """Send requests until every web process has loaded its code, and wait until their messages are settled."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.book(), range(16)))
            list(pool.map(lambda _: self.checkout(), range(8)))
        wait_until_settled()

    def book(self) -> dict[str, Any]:
        return self._post("/bookings/", self._request("consultation"))

    def checkout(self) -> dict[str, Any]:
        return self._post("/bookings/razorpay-booking", self._request("physiotherapy"))

    def verify(self, checkout_response: dict[str, str]) -> dict[str, Any]:
        return self._post("/bookings/verify-payment", checkout_response)

    def transition(self, booking_id: str, verb: str) -> None:
        self.http.put(f"{self.base}/bookings/{booking_id}/{verb}", headers=self.staff, timeout=10).raise_for_status()

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = self.http.post(self.base + path, json=body, timeout=10)
        response.raise_for_status()
        result: dict[str, Any] = response.json()
        return result

    def _request(self, service: str) -> dict[str, Any]:
        number, starts_at = next(self._slots)
        return {"service": service, "starts_at": starts_at.isoformat(), "customer": customer_input(number)}

    def _all_slots(self) -> Iterator[datetime]:
        zone = timezone.get_default_timezone()
        morning = (datetime.now(zone) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
        for number in range(8 * 80 * 10):
            yield morning + timedelta(days=number // 10 // 8, hours=number // 10 % 8)


def _endpoints(client: Client, rounds: int) -> Iterator[Figure]:
    bookings = [_timed(client.book) for _ in range(rounds)]
    wait_until_settled()
    confirmations = [_timed(lambda b=b: client.transition(b["id"], "confirm")) for _, b in bookings]  # type: ignore[misc]
    wait_until_settled()
    let_visits_start([booking["id"] for _, booking in bookings])
    completions = [_timed(lambda b=b: client.transition(b["id"], "complete")) for _, b in bookings]  # type: ignore[misc]
    wait_until_settled()
    checkouts = [_timed(client.checkout) for _ in range(rounds)]
    payments = [client.sandbox.client.pay(response["checkout"]["order_id"]) for _, response in checkouts]
    verifications = [_timed(lambda p=p: client.verify(p)) for p in payments]  # type: ignore[misc]
    wait_until_settled()
    with _instant_gateway(client.sandbox):
        instant_checkouts = [_timed(client.checkout) for _ in range(rounds)]
    for name, results in (
        ("POST /bookings/", bookings),
        ("PUT /bookings/{id}/confirm", confirmations),
        ("PUT /bookings/{id}/complete", completions),
        ("POST /bookings/verify-payment", verifications),
    ):
        yield from median_and_p95(name, [ms for ms, _ in results], 50)
    yield from median_and_p95(
        "POST /bookings/razorpay-booking, instant gateway", [ms for ms, _ in instant_checkouts], 40
    )
    yield figure("POST /bookings/razorpay-booking, median", statistics.median(ms for ms, _ in checkouts), "ms", 500)


def _burst(client: Client, sandbox: RunningSandbox) -> Iterator[Figure]:
    wait_until_settled()
    log_length = len(sandbox.client.log())
    start = time.time()
    with ThreadPoolExecutor(BURST) as pool:
        references = {booking["reference"] for booking in pool.map(lambda _: client.book(), range(BURST))}
    accept_times: list[float] = []
    while len(accept_times) < 3 * BURST and time.time() < start + 30:
        time.sleep(0.2)
        entries = [entry for entry in sandbox.client.log(log_length) if entry["kind"] in ACCEPTED]
        accept_times = [e["at"] for e in entries if any(reference in e["body"] for reference in references)]
    elapsed = max(accept_times) - start if len(accept_times) == 3 * BURST else float("inf")
    yield figure(f"burst of {BURST} bookings: time until last message accepted", elapsed, "s", 6)


@contextmanager
def _instant_gateway(sandbox: RunningSandbox) -> Iterator[None]:
    sandbox.client.set(gateway_seconds_min=0, gateway_seconds_max=0)
    yield
    sandbox.client.reset_settings()


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    before = time.perf_counter()
    result = call()
    return (time.perf_counter() - before) * 1000, result
