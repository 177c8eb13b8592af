"""Benchmark delivery: bookings at a constant rate, with messages on each channel, whose providers take 2-3 s."""

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
    count_differences,
    count_not_accepted_once,
    count_rows_since,
    database_time,
    wait_until_settled,
)
from benchmarks.figures import Figure, figure, percentile
from benchmarks.open_loop import Response, ScheduledCall
from benchmarks.peer import Peer, RateResult, cpu_ms_per_booking
from benchmarks.preparation import Preparation
from benchmarks.setup import Daybook, progress, wait_until_responsive
from benchmarks.usage import peak_memory
from notifications.models import Channel
from sandbox.client import Entry

BACKGROUND_RATE = 2  # confirmations, completions and payments per second (each), in addition to the bookings
IDLE_RATE = 2
ACCEPT_TIMEOUT_SECONDS = 60.0  # how long to wait after a load before counting the messages regardless
BACKGROUND_CALLS = ("confirm", "complete", "verify-payment")


@dataclass(frozen=True)
class LoadResult:
    """The result of a load. ``since`` is on the database's clock; ``ended_at`` is a Unix timestamp."""

    responses: list[Response]
    since: datetime
    ended_at: float
    peak_mb: float
    accepted: list[Entry]

    def response_times(self, name: str) -> list[float]:
        return [each.ms for each in self.responses if each.name == name]

    def count_successful(self, *names: str) -> int:
        return sum(each.is_success for each in self.responses if each.name in names)

    def count_without_response(self, *names: str) -> int:
        return sum(each.status == 0 for each in self.responses if each.name in names)


class DeliveryBench:
    def __init__(self, daybook: Daybook, booking_requests: BookingRequests, peer: Peer) -> None:
        self._daybook = daybook
        self._peer = peer
        self._booking_requests = booking_requests
        self._log = AcceptLog(daybook.sandbox.client)

    def measure(self, *, seconds: float, callback_seconds: float, idle_seconds: float) -> Iterator[Figure]:
        """Yield the figures of each phase, on a warmed-up system. Only the last phase sends status callbacks."""
        settings = self._daybook.sandbox.client
        settings.set(callback_lost=1)
        yield from self._measure_idle(idle_seconds)
        yield self._cpu_time(idle_seconds)
        yield from self._measure_load(100, seconds, "100 bookings/s")
        settings.set(callback_lost=0)
        yield from self._measure_load(50, callback_seconds, "50 bookings/s with callbacks")

    def _measure_idle(self, seconds: float) -> Iterator[Figure]:
        progress(
            f"Daybook: {IDLE_RATE} bookings/s for {seconds:g} s, to measure how soon an idle system claims messages"
        )
        since = database_time()
        self._run(self._booking_requests.bookings(int(IDLE_RATE * seconds)), IDLE_RATE)
        wait_until_settled()
        lags = claim_lags(since)
        name = "idle: from the message's row (created_at) to its first attempt (started_at)"
        yield figure(f"{name}, p50", percentile(lags, 50), "ms", 60)
        yield figure(f"{name}, p99", percentile(lags, 99), "ms", 150)

    def _cpu_time(self, seconds: float) -> Figure:
        progress("Daybook: CPU time per booking")
        cpu_ms = cpu_ms_per_booking(self._daybook.base, self._daybook.web, self._booking_requests, seconds)
        wait_until_settled()
        name = f"web CPU time per booking, Daybook ({cpu_ms:.1f} ms) / peer ({self._peer.cpu_ms:.1f} ms)"
        return figure(name, cpu_ms / self._peer.cpu_ms, "x", 1.3, peer=1.0)

    def _measure_load(self, rate: int, seconds: float, name: str) -> Iterator[Figure]:
        progress(f"Daybook: {name} for {seconds:g} s; preparing the background calls")
        background_calls = self._prepare_background_calls(seconds)
        wait_until_settled()
        self._log.read_new()
        bookings = open_loop.spread_evenly(self._booking_requests.bookings(int(rate * seconds)), rate)
        result = self._run_load(bookings + background_calls)
        late_ms = percentile([each.late_ms for each in result.responses], 99)
        progress(f"  the generator itself was late by {late_ms:.0f} ms (p99), which counts against Daybook")
        if errors := open_loop.summarize_errors(result.responses):
            progress(f"  {errors}")
        yield from _figures(result, name, self._peer.at(rate))
        yield from _compare_counts(result, name)

    def _prepare_background_calls(self, seconds: float) -> list[ScheduledCall]:
        count = int(BACKGROUND_RATE * seconds)
        preparation = Preparation(self._daybook, self._booking_requests)
        streams = (preparation.confirmations(count), preparation.completions(count), preparation.verifications(count))
        return [call for stream in streams for call in open_loop.spread_evenly(stream, BACKGROUND_RATE)]

    def _run_load(self, load: list[ScheduledCall]) -> LoadResult:
        progress(f"  {len(load)} calls")
        since = database_time()
        with peak_memory(self._daybook.worker) as peak:
            responses = open_loop.run(self._daybook.base, load)
            ended_at = time.time()
        wait_until_responsive(self._daybook.base)
        if not wait_until_settled(ACCEPT_TIMEOUT_SECONDS):
            progress(f"  some messages are still unsettled after {ACCEPT_TIMEOUT_SECONDS:g} s")
        return LoadResult(responses, since, ended_at, peak.megabytes, self._log.read_new())

    def _run(self, calls: list[open_loop.Call], rate: float) -> list[Response]:
        return open_loop.run(self._daybook.base, open_loop.spread_evenly(calls, rate))


def _figures(result: LoadResult, name: str, peer: RateResult | None) -> Iterator[Figure]:
    create_times = result.response_times("create")
    lags = claim_lags(result.since)
    errors = sum(not each.is_success for each in result.responses)
    last_accepted_at = max((entry["at"] for entry in result.accepted), default=0.0)
    yield figure(f"{name}: errors", 100 * errors / len(result.responses), "%", 0, peer.error_percent if peer else None)
    yield figure(f"{name}: create p50", percentile(create_times, 50), "ms", None, peer.p50 if peer else None)
    yield figure(f"{name}: create p99", percentile(create_times, 99), "ms", 100, peer.p99 if peer else None)
    for call in BACKGROUND_CALLS:
        yield figure(f"{name}: {call} p99", percentile(result.response_times(call), 99), "ms", 100)
    yield figure(f"{name}: claim lag p99", percentile(lags, 99) / 1000, "s", 1)
    delay = max(0.0, last_accepted_at - result.ended_at)
    yield figure(f"{name}: time from end of load to last accepted message", delay, "s", 5)
    yield figure(f"{name}: worker memory, peak of all its processes", result.peak_mb, "MB", 500)
    unsent_percent = 100 * count_not_accepted_once(result.since, result.accepted) / max(1, len(lags))
    yield figure(
        f"{name}: messages not accepted exactly once", unsent_percent, "%", 0, peer.unsent_percent if peer else None
    )


def _compare_counts(result: LoadResult, name: str) -> Iterator[Figure]:
    """Compare the successful calls with the rows. Each call causes a message on each channel."""
    bookings, messages = count_rows_since(result.since)
    differences = count_differences(
        bookings, result.count_successful("create"), result.count_without_response("create")
    )
    yield figure(f"{name}: bookings missing or unexpected, of {bookings}", differences, "", 0)
    calls = ("create", *BACKGROUND_CALLS)
    expected, without_response = result.count_successful(*calls), result.count_without_response(*calls)
    differences = count_differences(messages, len(Channel) * expected, len(Channel) * without_response)
    yield figure(f"{name}: messages missing or unexpected, of {messages}", differences, "", 0)
