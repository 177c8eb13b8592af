"""An open-loop load generator: calls are made on time, no matter how slow the server is.

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

MAX_WAIT_SECONDS = 10.0  # then a client stops waiting: twenty times the target
KEEPALIVE_SECONDS = 1.0  # less than gunicorn's 2 s: a call must not meet a connection that is being closed


@dataclass(frozen=True)
class Call:
    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """``status`` is 0, and ``fault`` the reason, if none came within MAX_WAIT_SECONDS.

    ``late_ms``: the delay of the generator itself; it is part of ``ms``.
    """

    name: str
    status: int
    ms: float
    late_ms: float
    fault: str = ""

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


Due = tuple[float, Call]


def evenly(calls: Sequence[Call], rate: float) -> list[Due]:
    """Spread calls over time, ``rate`` a second from 0 on."""
    return [(number / rate, call) for number, call in enumerate(calls)]


def run(base: str, load: Iterable[Due]) -> list[Response]:
    """Make each call when it is due; return once all have a response or timed out."""
    return asyncio.run(_run(base, sorted(load, key=lambda due: due[0])))


def faults(responses: Iterable[Response]) -> str:
    """Return the errors with their numbers; empty if there are none."""
    counts = Counter(f"{each.name}: {each.status or each.fault}" for each in responses if not each.is_good)
    return ", ".join(f"{count} x {fault}" for fault, count in counts.most_common(5))


async def _run(base: str, load: list[Due]) -> list[Response]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=MAX_WAIT_SECONDS)
    async with aiohttp.ClientSession(base, connector=connector, timeout=timeout) as http:
        start = time.perf_counter()
        tasks = []
        for at, call in load:
            await asyncio.sleep(max(0.0, start + at - time.perf_counter()))
            tasks.append(asyncio.create_task(_request(http, call, start + at)))
        return list(await asyncio.gather(*tasks))


async def _request(http: aiohttp.ClientSession, call: Call, due: float) -> Response:
    late_ms = (time.perf_counter() - due) * 1000
    try:
        async with http.request(call.method, call.path, json=call.body, headers=call.headers) as response:
            await response.read()
            status, fault = response.status, ""
    except (aiohttp.ClientError, TimeoutError) as error:
        status, fault = 0, type(error).__name__
    return Response(call.name, status, (time.perf_counter() - due) * 1000, late_ms, fault)
