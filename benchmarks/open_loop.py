"""An open-loop load generator: calls start on time, no matter how slow the server is.

Latency counts from the time at which a call was due. A generator that waits for each response makes a slow server look
faster (coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

MAX_WAIT_SECONDS = 10.0  # the client timeout
KEEPALIVE_SECONDS = 1.0  # less than gunicorn's 2 s: a call must not reuse a connection that the server is closing


@dataclass(frozen=True)
class Call:
    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """The result of a call. If it failed or timed out, ``status`` is 0 and ``error`` the name of the exception.

    ``late_ms``: the delay of the generator itself, which is part of ``ms``.
    """

    name: str
    status: int
    ms: float
    late_ms: float
    error: str = ""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


ScheduledCall = tuple[float, Call]  # the seconds from the start of the load until the call is due


def spread_evenly(calls: Sequence[Call], rate: float) -> list[ScheduledCall]:
    """Spread the calls over time: ``rate`` per second, starting at 0."""
    return [(number / rate, call) for number, call in enumerate(calls)]


def run(base: str, load: Iterable[ScheduledCall]) -> list[Response]:
    """Start each call when it is due; return once all have a response, failed or timed out."""
    return asyncio.run(_run(base, sorted(load, key=lambda scheduled: scheduled[0])))


def summarize_errors(responses: Iterable[Response]) -> str:
    """Return the most common errors with their counts; empty if there are none."""
    counts = Counter(f"{each.name}: {each.status or each.error}" for each in responses if not each.is_success)
    return ", ".join(f"{count} x {error}" for error, count in counts.most_common(5))


async def _run(base: str, load: list[ScheduledCall]) -> list[Response]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=MAX_WAIT_SECONDS)
    async with aiohttp.ClientSession(base, connector=connector, timeout=timeout) as http:
        start = time.perf_counter()
        tasks = []
        for due_at, call in load:
            await asyncio.sleep(max(0.0, start + due_at - time.perf_counter()))
            tasks.append(asyncio.create_task(_request(http, call, start + due_at)))
        return list(await asyncio.gather(*tasks))


async def _request(http: aiohttp.ClientSession, call: Call, due_at: float) -> Response:
    late_ms = (time.perf_counter() - due_at) * 1000
    try:
        async with http.request(call.method, call.path, json=call.body, headers=call.headers) as response:
            await response.read()
            status, error_name = response.status, ""
    except (aiohttp.ClientError, TimeoutError) as error:
        status, error_name = 0, type(error).__name__
    return Response(call.name, status, (time.perf_counter() - due_at) * 1000, late_ms, error_name)
