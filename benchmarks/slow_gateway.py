"""What customers notice of a gateway that takes 5 s: who books is told to come back, who has paid notices nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import requests

from benchmarks.accounts import settle
from benchmarks.demand import PAID, Demand
from benchmarks.figures import Figure, figure, percentile
from benchmarks.openloop import Call
from benchmarks.preparation import Preparation
from benchmarks.stage import Daybook

GATEWAY_SECONDS = 5
BREAKERS_PAUSE = 6.0  # after it a web process asks the gateway again
BOOKINGS_AT_ONCE = 2
CREATED, GATEWAY_AWAY = 201, 503


def measure_slow_gateway(daybook: Daybook, demand: Demand, rounds: int) -> list[Figure]:
    """Book and verify side by side while the gateway is slow; go on with the same keys once it is well again."""
    verifications = Preparation(daybook, demand).verifications(rounds)
    bookings = [_booking(demand) for _ in range(rounds)]
    settle()
    daybook.sandbox.client.set(gateway_seconds_min=GATEWAY_SECONDS, gateway_seconds_max=GATEWAY_SECONDS)
    with ThreadPoolExecutor(BOOKINGS_AT_ONCE + 1) as pool:
        verifying = pool.submit(lambda: [_timed(daybook, call) for call in verifications])
        held = list(pool.map(lambda call: _timed(daybook, call), bookings))
        verified = verifying.result()
    daybook.sandbox.client.reset_settings()
    time.sleep(BREAKERS_PAUSE)
    resumed = [_timed(daybook, call) for call in bookings]
    told_when = sum(answer.status_code == GATEWAY_AWAY and "Retry-After" in answer.headers for _, answer in held)
    went_on = sum(answer.status_code == CREATED for _, answer in resumed)
    return [
        figure("gateway of 5 s: razorpay-booking, longest answer", max(ms for ms, _ in held), "ms", 500),
        figure("gateway of 5 s: not told 503 with Retry-After", rounds - told_when, "", 0),
        figure("gateway of 5 s: not resumed afterwards under the same key", rounds - went_on, "", 0),
        figure("gateway of 5 s: verify-payment p99", percentile([ms for ms, _ in verified], 99), "ms", 100),
        figure("gateway of 5 s: verify-payment refused", sum(not answer.ok for _, answer in verified), "", 0),
    ]


def _booking(demand: Demand) -> Call:
    return Call(
        "razorpay-booking",
        "POST",
        "/bookings/razorpay-booking",
        demand.body(PAID),
        headers={"Idempotency-Key": str(uuid4())},
    )


def _timed(daybook: Daybook, call: Call) -> tuple[float, requests.Response]:
    before = time.perf_counter()
    answer = requests.request(call.method, daybook.base + call.path, json=call.body, headers=call.headers, timeout=20)
    return (time.perf_counter() - before) * 1000, answer
