"""Daybook under load: bookings at a constant rate, with messages on each channel, while every provider takes 2-3 s."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from benchmarks import open_loop
from benchmarks.booking_requests import BookingRequests
from benchmarks.counts import (
    AcceptLog,
    claim_lags,
    count_rows_since,
    database_clock,
    difference,
    not_exactly_once,
    settle,
)
from benchmarks.figures import Figure, figure, percentile
from benchmarks.open_loop import Response
from benchmarks.peer import Peer, Rate, cpu_ms_per_booking
from benchmarks.preparation import Preparation
from benchmarks.setup import Daybook, catch_up, progress
from benchmarks.usage import peak_memory
from notifications.models import Channel
from sandbox.client import Entry

OTHERS_RATE = 2  # confirmations, completions and payments a second, each, beside the bookings
IDLE_RATE = 2
ACCEPTED_WITHIN = 60.0  # seconds after a load, before the messages are counted in any case
OTHERS = ("confirm", "complete", "verify-payment")


@dataclass(frozen=True)
class Load:
    """The result of a load. ``since`` by the database's clock, ``ended_at`` by the sandbox's, in unix seconds."""

    responses: list[Response]
    since: datetime
    ended_at: float
    peak_mb: float
    accepted: list[Entry]

    def times(self, name: str) -> list[float]:
        return [each.ms for each in self.responses if each.name == name]

    def expected(self, *names: str) -> int:
        return sum(each.is_good for each in self.responses if each.name in names)

    def unanswered(self, *names: str) -> int:
        return sum(each.status == 0 for each in self.responses if each.name in names)


class DeliveryBench:
    def __init__(self, daybook: Daybook, booking_requests: BookingRequests, peer: Peer) -> None:
        self._daybook = daybook
        self._peer = peer
        self._booking_requests = booking_requests
        self._log = AcceptLog(daybook.sandbox.client)

    def measure(self, *, seconds: float, callback_seconds: float, idle_seconds: float) -> Iterator[Figure]:
        """Yield the figures of each phase, on a system that is warm already; status callbacks only in the last."""
        settings = self._daybook.sandbox.client
        settings.set(callback_lost=1)
        yield from self._idle(idle_seconds)
        yield self._processor_time(idle_seconds)
        yield from self._load(100, seconds, "100 bookings/s")
        settings.set(callback_lost=0)
        yield from self._load(50, callback_seconds, "50 bookings/s with callbacks")

    def _idle(self, seconds: float) -> Iterator[Figure]:
        progress(f"Daybook: {IDLE_RATE} bookings/s for {seconds:g} s, to see how soon an idle system picks up")
        since = database_clock()
        self._run(self._booking_requests.bookings(int(IDLE_RATE * seconds)), IDLE_RATE)
        settle()
        lags = claim_lags(since)
        name = "idle: from the message's row (created_at) to its first attempt (started_at)"
        yield figure(f"{name}, p50", percentile(lags, 50), "ms", 60)
        yield figure(f"{name}, p99", percentile(lags, 99), "ms", 150)

    def _processor_time(self, seconds: float) -> Figure:
        progress("Daybook: processor time of a booking")
        ours = cpu_ms_per_booking(self._daybook.base, self._daybook.web, self._booking_requests, seconds)
        settle()
        name = f"web CPU per booking, ours ({ours:.1f} ms) to the peer's ({self._peer.cpu_ms:.1f} ms)"
        return figure(name, ours / self._peer.cpu_ms, "x", 1.3, peer=1.0)

    def _load(self, rate: int, seconds: float, name: str) -> Iterator[Figure]:
        progress(f"Daybook: {name} for {seconds:g} s; preparing what is confirmed, completed and paid beside it")
        others = self._others(seconds)
        settle()
        self._log.new()
        load = self._under_load(open_loop.evenly(self._booking_requests.bookings(int(rate * seconds)), rate) + others)
        late = percentile([each.late_ms for each in load.responses], 99)
        progress(f"  the generator itself was late by {late:.0f} ms (p99), which counts against Daybook")
        if fault := open_loop.faults(load.responses):
            progress(f"  {fault}")
        yield from _figures(load, name, self._peer.at(rate))
        yield from _balance(load, name)

    def _others(self, seconds: float) -> list[open_loop.Due]:
        count = int(OTHERS_RATE * seconds)
        ready = Preparation(self._daybook, self._booking_requests)
        streams = (ready.confirmations(count), ready.completions(count), ready.verifications(count))
        return [due for stream in streams for due in open_loop.evenly(stream, OTHERS_RATE)]

    def _under_load(self, load: list[open_loop.Due]) -> Load:
        progress(f"  {len(load)} calls")
        since = database_clock()
        with peak_memory(self._daybook.worker) as peak:
            responses = open_loop.run(self._daybook.base, load)
            ended_at = time.time()
        catch_up(self._daybook.base)
        if not settle(ACCEPTED_WITHIN):
            progress(f"  after {ACCEPTED_WITHIN:g} s there are still messages under way")
        return Load(responses, since, ended_at, peak.megabytes, self._log.new())

    def _run(self, calls: list[open_loop.Call], rate: float) -> list[Response]:
        return open_loop.run(self._daybook.base, open_loop.evenly(calls, rate))


def _figures(load: Load, name: str, peer: Rate | None) -> Iterator[Figure]:
    created = load.times("create")
    lags = claim_lags(load.since)
    errors = sum(not each.is_good for each in load.responses)
    last = max((entry["at"] for entry in load.accepted), default=0.0)
    yield figure(f"{name}: errors", 100 * errors / len(load.responses), "%", 0, peer.error_percent if peer else None)
    yield figure(f"{name}: create p50", percentile(created, 50), "ms", None, peer.p50 if peer else None)
    yield figure(f"{name}: create p99", percentile(created, 99), "ms", 100, peer.p99 if peer else None)
    for other in OTHERS:
        yield figure(f"{name}: {other} p99", percentile(load.times(other), 99), "ms", 100)
    yield figure(f"{name}: claim lag p99", percentile(lags, 99) / 1000, "s", 1)
    yield figure(f"{name}: last message accepted after the load", max(0.0, last - load.ended_at), "s", 5)
    yield figure(f"{name}: worker memory, peak of all its processes", load.peak_mb, "MB", 500)
    unsent = 100 * not_exactly_once(load.since, load.accepted) / max(1, len(lags))
    yield figure(f"{name}: messages not accepted exactly once", unsent, "%", 0, peer.unsent_percent if peer else None)


def _balance(load: Load, name: str) -> Iterator[Figure]:
    """Compare responses and rows: each of these calls causes a message on each channel."""
    bookings, messages = count_rows_since(load.since)
    differing = difference(bookings, load.expected("create"), load.unanswered("create"))
    yield figure(f"{name}: bookings missing or unexplained, of {bookings}", differing, "", 0)
    calls = ("create", *OTHERS)
    differing = difference(messages, len(Channel) * load.expected(*calls), len(Channel) * load.unanswered(*calls))
    yield figure(f"{name}: messages missing or unexplained, of {messages}", differing, "", 0)
