"""A load that does not wait for answers: people arrive by the clock, however slow the counter is.

Latency counts from the moment a call was due. A generator that waits for an answer before it asks again measures a slow
server too kindly (coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PATIENCE_SECONDS = 10.0  # then a client gives up: twenty times what was promised
KEEPALIVE_SECONDS = 1.0  # less than gunicorn's 2 s: a call must not meet a connection that is just being closed


@dataclass(frozen=True)
class Call:
    name: str
    method: str
    path: str
    body: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """``status`` is 0, and ``fault`` the reason, where none came within PATIENCE_SECONDS.

    ``late_ms``: how long after it was due the generator itself came to ask; it is part of ``ms``.
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


def run(base: str, load: Iterable[Due]) -> list[Answer]:
    """Make each call when it is due; return once all are answered or given up."""
    return asyncio.run(_run(base, sorted(load, key=lambda due: due[0])))


def faults(answers: Iterable[Answer]) -> str:
    """Say what went wrong, and how often; empty if nothing did."""
    counts = Counter(f"{each.name}: {each.status or each.fault}" for each in answers if not each.is_good)
    return ", ".join(f"{count} x {fault}" for fault, count in counts.most_common(5))


async def _run(base: str, load: list[Due]) -> list[Answer]:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS)
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    async with aiohttp.ClientSession(base, connector=connector, timeout=timeout) as http:
        start = time.perf_counter()
        under_way = []
        for at, call in load:
            await asyncio.sleep(max(0.0, start + at - time.perf_counter()))
            under_way.append(asyncio.create_task(_ask(http, call, start + at)))
        return list(await asyncio.gather(*under_way))


async def _ask(http: aiohttp.ClientSession, call: Call, due: float) -> Answer:
    late_ms = (time.perf_counter() - due) * 1000
    try:
        async with http.request(call.method, call.path, json=call.body, headers=call.headers) as answer:
            await answer.read()
            status, fault = answer.status, ""
    except (aiohttp.ClientError, TimeoutError) as error:
        status, fault = 0, type(error).__name__
    return Answer(call.name, status, (time.perf_counter() - due) * 1000, late_ms, fault)
