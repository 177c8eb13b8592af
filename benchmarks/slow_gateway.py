"""The effect of a gateway that takes 5 s: checkouts get 503 with Retry-After, verifications are not affected."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import requests

from benchmarks.booking_requests import PAID, BookingRequests
from benchmarks.counts import settle
from benchmarks.figures import Figure, figure, percentile
from benchmarks.open_loop import Call
from benchmarks.preparation import Preparation
from benchmarks.setup import Daybook

GATEWAY_SECONDS = 5
CIRCUIT_BREAKER_SECONDS = 6.0  # after it a web process asks the gateway again
BOOKINGS_AT_ONCE = 2
CREATED, GATEWAY_UNAVAILABLE = 201, 503


def measure_slow_gateway(daybook: Daybook, booking_requests: BookingRequests, rounds: int) -> list[Figure]:
    """Book and verify side by side while the gateway is slow; resume with the same keys when it has recovered."""
    verifications = Preparation(daybook, booking_requests).verifications(rounds)
    bookings = [_booking(booking_requests) for _ in range(rounds)]
    settle()
    daybook.sandbox.client.set(gateway_seconds_min=GATEWAY_SECONDS, gateway_seconds_max=GATEWAY_SECONDS)
    with ThreadPoolExecutor(BOOKINGS_AT_ONCE + 1) as pool:
        verifying = pool.submit(lambda: [_timed(daybook, call) for call in verifications])
        held = list(pool.map(lambda call: _timed(daybook, call), bookings))
        verified = verifying.result()
    daybook.sandbox.client.reset_settings()
    time.sleep(CIRCUIT_BREAKER_SECONDS)
    resumed = [_timed(daybook, call) for call in bookings]
    with_retry_after = sum(
        response.status_code == GATEWAY_UNAVAILABLE and "Retry-After" in response.headers for _, response in held
    )
    resumed_count = sum(response.status_code == CREATED for _, response in resumed)
    return [
        figure("gateway of 5 s: razorpay-booking, longest response", max(ms for ms, _ in held), "ms", 500),
        figure("gateway of 5 s: without 503 and Retry-After", rounds - with_retry_after, "", 0),
        figure("gateway of 5 s: not resumed afterwards under the same key", rounds - resumed_count, "", 0),
        figure("gateway of 5 s: verify-payment p99", percentile([ms for ms, _ in verified], 99), "ms", 100),
        figure("gateway of 5 s: verify-payment refused", sum(not response.ok for _, response in verified), "", 0),
    ]


def _booking(booking_requests: BookingRequests) -> Call:
    return Call(
        "razorpay-booking",
        "POST",
        "/bookings/razorpay-booking",
        booking_requests.body(PAID),
        headers={"Idempotency-Key": str(uuid4())},
    )


def _timed(daybook: Daybook, call: Call) -> tuple[float, requests.Response]:
    before = time.perf_counter()
    response = requests.request(call.method, daybook.base + call.path, json=call.body, headers=call.headers, timeout=20)
    return (time.perf_counter() - before) * 1000, response
