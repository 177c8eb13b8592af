"""Daybook under load: people book by the clock, three messages each, while every provider takes 2-3 s."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from benchmarks import openloop
from benchmarks.accounts import (
    AcceptLog,
    claim_lags,
    database_clock,
    imbalance,
    kept_since,
    not_exactly_once,
    settle,
)
from benchmarks.demand import Demand
from benchmarks.figures import Figure, figure, percentile
from benchmarks.openloop import Answer
from benchmarks.peer import Peer, Rate, cpu_ms_per_booking
from benchmarks.preparation import Preparation
from benchmarks.stage import Daybook, catch_up, progress
from benchmarks.usage import peak_memory
from sandbox.client import Entry

OTHERS_RATE = 2  # confirmations, completions and payments a second, each, beside the bookings
IDLE_RATE = 2
ACCEPTED_WITHIN = 60.0  # seconds after a load, before the count is taken all the same
OTHERS = ("confirm", "complete", "verify-payment")


@dataclass(frozen=True)
class Load:
    """What became of a load. ``since`` by the database's clock, ``ended_at`` by the sandbox's, in unix seconds."""

    answers: list[Answer]
    since: datetime
    ended_at: float
    peak_mb: float
    accepted: list[Entry]

    def times(self, name: str) -> list[float]:
        return [each.ms for each in self.answers if each.name == name]

    def promised(self, *names: str) -> int:
        return sum(each.is_good for each in self.answers if each.name in names)

    def in_doubt(self, *names: str) -> int:
        return sum(each.status == 0 for each in self.answers if each.name in names)


class DeliveryBench:
    def __init__(self, daybook: Daybook, demand: Demand, peer: Peer) -> None:
        self._daybook = daybook
        self._peer = peer
        self._demand = demand
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
        self._run(self._demand.bookings(int(IDLE_RATE * seconds)), IDLE_RATE)
        settle()
        lags = claim_lags(since)
        name = "idle: from the message's row (created_at) to its first try (started_at)"
        yield figure(f"{name}, p50", percentile(lags, 50), "ms", 60)
        yield figure(f"{name}, p99", percentile(lags, 99), "ms", 150)

    def _processor_time(self, seconds: float) -> Figure:
        progress("Daybook: processor time of a booking")
        ours = cpu_ms_per_booking(self._daybook.base, self._daybook.web, self._demand, seconds)
        settle()
        name = f"web CPU per booking, ours ({ours:.1f} ms) to the peer's ({self._peer.cpu_ms:.1f} ms)"
        return figure(name, ours / self._peer.cpu_ms, "x", 1.3, peer=1.0)

    def _load(self, rate: int, seconds: float, name: str) -> Iterator[Figure]:
        progress(f"Daybook: {name} for {seconds:g} s; preparing what is confirmed, completed and paid beside it")
        others = self._others(seconds)
        settle()
        self._log.new()
        load = self._under_load(openloop.evenly(self._demand.bookings(int(rate * seconds)), rate) + others)
        late = percentile([each.late_ms for each in load.answers], 99)
        progress(f"  the generator itself was late by {late:.0f} ms (p99), which counts against Daybook")
        if fault := openloop.faults(load.answers):
            progress(f"  {fault}")
        yield from _figures(load, name, self._peer.at(rate))
        yield from _balance(load, name)

    def _others(self, seconds: float) -> list[openloop.Due]:
        count = int(OTHERS_RATE * seconds)
        ready = Preparation(self._daybook, self._demand)
        streams = (ready.confirmations(count), ready.completions(count), ready.verifications(count))
        return [due for stream in streams for due in openloop.evenly(stream, OTHERS_RATE)]

    def _under_load(self, load: list[openloop.Due]) -> Load:
        progress(f"  {len(load)} calls")
        since = database_clock()
        with peak_memory(self._daybook.worker) as peak:
            answers = openloop.run(self._daybook.base, load)
            ended_at = time.time()
        catch_up(self._daybook.base)
        if not settle(ACCEPTED_WITHIN):
            progress(f"  after {ACCEPTED_WITHIN:g} s there are still messages under way")
        return Load(answers, since, ended_at, peak.megabytes, self._log.new())

    def _run(self, calls: list[openloop.Call], rate: float) -> list[Answer]:
        return openloop.run(self._daybook.base, openloop.evenly(calls, rate))


def _figures(load: Load, name: str, peer: Rate | None) -> Iterator[Figure]:
    created = load.times("create")
    lags = claim_lags(load.since)
    errors = sum(not each.is_good for each in load.answers)
    last = max((entry["at"] for entry in load.accepted), default=0.0)
    yield figure(f"{name}: errors", 100 * errors / len(load.answers), "%", 0, peer.error_percent if peer else None)
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
    """Every answer has its rows, and nothing else has: each of these calls owes three messages."""
    bookings, messages = kept_since(load.since)
    astray = imbalance(bookings, load.promised("create"), load.in_doubt("create"))
    yield figure(f"{name}: bookings missing or never asked for, of {bookings}", astray, "", 0)
    calls = ("create", *OTHERS)
    astray = imbalance(messages, 3 * load.promised(*calls), 3 * load.in_doubt(*calls))
    yield figure(f"{name}: messages missing or never owed, of {messages}", astray, "", 0)
