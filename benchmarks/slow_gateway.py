"""Benchmark a gateway that takes 5 s: checkouts get 503 with Retry-After, verifications are not affected."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import requests

from benchmarks.booking_requests import PAID, BookingRequests
from benchmarks.counts import wait_until_settled
from benchmarks.figures import Figure, figure, percentile
from benchmarks.open_loop import Call
from benchmarks.preparation import Preparation
from benchmarks.setup import Daybook

GATEWAY_SECONDS = 5
CIRCUIT_BREAKER_SECONDS = 6.0  # longer than the circuit breaker blocks calls of the gateway
CONCURRENT_BOOKINGS = 2
CREATED, GATEWAY_UNAVAILABLE = 201, 503


def measure_slow_gateway(daybook: Daybook, booking_requests: BookingRequests, rounds: int) -> list[Figure]:
    """Book and verify concurrently while the gateway is slow; repeat the bookings when it has recovered."""
    verifications = Preparation(daybook, booking_requests).verifications(rounds)
    bookings = [_booking(booking_requests) for _ in range(rounds)]
    wait_until_settled()
    daybook.sandbox.client.set(gateway_seconds_min=GATEWAY_SECONDS, gateway_seconds_max=GATEWAY_SECONDS)
    with ThreadPoolExecutor(CONCURRENT_BOOKINGS + 1) as pool:
        verification_future = pool.submit(lambda: [_timed(daybook, call) for call in verifications])
        slow_results = list(pool.map(lambda call: _timed(daybook, call), bookings))
        verification_results = verification_future.result()
    daybook.sandbox.client.reset_settings()
    time.sleep(CIRCUIT_BREAKER_SECONDS)
    resumed_results = [_timed(daybook, call) for call in bookings]
    with_retry_after = sum(
        response.status_code == GATEWAY_UNAVAILABLE and "Retry-After" in response.headers
        for _, response in slow_results
    )
    resumed_count = sum(response.status_code == CREATED for _, response in resumed_results)
    return [
        figure("gateway of 5 s: razorpay-booking, longest response", max(ms for ms, _ in slow_results), "ms", 500),
        figure("gateway of 5 s: bookings without 503 and Retry-After", rounds - with_retry_after, "", 0),
        figure("gateway of 5 s: bookings not resumed with the same key", rounds - resumed_count, "", 0),
        figure("gateway of 5 s: verify-payment p99", percentile([ms for ms, _ in verification_results], 99), "ms", 100),
        figure(
            "gateway of 5 s: verify-payment refused",
            sum(not response.ok for _, response in verification_results),
            "",
            0,
        ),
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
