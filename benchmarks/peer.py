"""Run the thread design under the same load, with the same sandbox and database."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from benchmarks import open_loop
from benchmarks.booking_requests import MESSAGE_SECONDS, BookingRequests
from benchmarks.counts import AcceptLog
from benchmarks.figures import OUT, percentile
from benchmarks.setup import progress
from benchmarks.usage import cpu_seconds
from runtime.processes import ROOT, kill_group, start, wait_for_web
from sandbox.process import RunningSandbox

PORT = 8124
WORKERS = 2
MODULE = "benchmarks.peers.thread_design"
SPARE_CONNECTIONS = 10  # connections of the server that the large pool does not use
DEFAULT_POOL = (5, 10)
LOG = OUT.with_name("peer.log")  # the tracebacks of its threads


@dataclass(frozen=True)
class RateResult:
    """The result of one load. ``p50`` and ``p99`` are in ms and include the calls without a response."""

    per_second: int
    pool: tuple[int, int]
    requests: int
    errors: int
    p50: float
    p99: float
    created: int
    accepted: int

    @property
    def error_percent(self) -> float:
        return 100 * self.errors / self.requests

    @property
    def unsent_percent(self) -> float:
        return 100 * (1 - self.accepted / (3 * self.created)) if self.created else 0.0


@dataclass(frozen=True)
class Peer:
    """The results of the peer. ``cpu_ms``: CPU time of its web processes per booking, without messages."""

    rates: list[RateResult]
    cpu_ms: float

    def at(self, per_second: int) -> RateResult | None:
        """Return the run at this rate with the default pool, if there was one."""
        return next((each for each in self.rates if (each.per_second, each.pool) == (per_second, DEFAULT_POOL)), None)


class PeerBench:
    def __init__(self, database_url: str, sandbox: RunningSandbox) -> None:
        self._environment = {**sandbox.environment, "DATABASE_URL": database_url}
        self._log = AcceptLog(sandbox.client)
        self._booking_requests = BookingRequests()

    def measure(self, *, rates: list[int], seconds: float, wait: float, large_pool_rates: list[int]) -> Peer:
        """Run each rate in new processes, so that it does not inherit the backlog of the previous one.

        ``wait``: maximum seconds from the end of a load until its processes are killed, with any unsent messages.
        """
        LOG.parent.mkdir(exist_ok=True)
        LOG.write_text("")
        subprocess.run([sys.executable, "-m", MODULE], check=True, cwd=ROOT, env=self._environment)
        plan = [(rate, DEFAULT_POOL) for rate in rates] + [(rate, large_pool()) for rate in large_pool_rates]
        results = [self._measure_rate(rate, pool, seconds, wait) for rate, pool in plan]
        return Peer(results, self._cpu_ms(seconds))

    def _measure_rate(self, rate: int, pool: tuple[int, int], seconds: float, wait: float) -> RateResult:
        progress(f"peer: {rate} bookings/s for {seconds:g} s, pool {pool[0]}+{pool[1]} per process")
        with self._running_peer(pool) as base:
            self._warm_up(base)
            time.sleep(MESSAGE_SECONDS + 0.5)
            self._log.read_new()
            before = _count_rows("peer_booking"), _count_rows("peer_message")
            deadline = time.monotonic() + seconds + wait
            responses = open_loop.run(
                base, open_loop.spread_evenly(self._booking_requests.bookings(int(rate * seconds)), rate)
            )
            _wait_for_threads(before, deadline)
            created = _count_rows("peer_booking") - before[0]
        times = [each.ms for each in responses]
        errors = sum(not each.is_success for each in responses)
        if errors:
            progress(f"  {open_loop.summarize_errors(responses)}")
        return RateResult(
            rate,
            pool,
            len(responses),
            errors,
            percentile(times, 50),
            percentile(times, 99),
            created,
            len(self._log.read_new()),
        )

    def _cpu_ms(self, seconds: float) -> float:
        progress("peer: CPU time per booking, without messages")
        with self._running_peer(DEFAULT_POOL, SEND_MESSAGES="0") as base:
            self._warm_up(base)
            return cpu_ms_per_booking(base, self.process, self._booking_requests, seconds)

    @contextmanager
    def _running_peer(self, pool: tuple[int, int], **extra_environment: str) -> Iterator[str]:
        command = [sys.executable, "-m", "uvicorn", f"{MODULE}:app", f"--port={PORT}", f"--workers={WORKERS}"]
        command += ["--log-level=critical", "--no-access-log"]
        command = ["/bin/sh", "-c", 'exec "$@" 2>>"$0"', str(LOG), *command]
        size, overflow = map(str, pool)
        environment = {**self._environment, "POOL_SIZE": size, "MAX_OVERFLOW": overflow, **extra_environment}
        self.process = start(command, environment)
        base = f"http://127.0.0.1:{PORT}"
        try:
            wait_for_web(base)
            yield base
        finally:
            kill_group(self.process)

    def _warm_up(self, base: str) -> None:
        open_loop.run(base, open_loop.spread_evenly(self._booking_requests.bookings(8), 40))


def cpu_ms_per_booking(
    base: str, process: subprocess.Popen[bytes], booking_requests: BookingRequests, seconds: float, *, rate: int = 20
) -> float:
    """Return the CPU time of a process tree per booking in ms, at a rate that both designs can sustain."""
    before = cpu_seconds(process)
    responses = open_loop.run(base, open_loop.spread_evenly(booking_requests.bookings(int(rate * seconds)), rate))
    return 1000 * (cpu_seconds(process) - before) / max(1, sum(each.is_success for each in responses))


def large_pool() -> tuple[int, int]:
    """Return the size and overflow of the largest pool that each worker can have on this server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int - (SELECT count(*) FROM pg_stat_activity)")
        (free,) = cursor.fetchone() or (0,)
    half = max(1, (free - SPARE_CONNECTIONS) // WORKERS // 2)
    return half, half


def show_rates(rates: list[RateResult]) -> None:
    print(f"\nThe peer, {WORKERS} processes")
    print(
        f"{'rate':>6}{'pool':>9}{'requests':>10}{'errors':>8}{'p50 ms':>10}{'p99 ms':>10}{'accepted':>10}{'unsent':>7}"
    )
    for each in rates:
        print(
            f"{each.per_second:>4}/s{each.pool[0]:>5}+{each.pool[1]:<3}{each.requests:>10}{each.errors:>8}{each.p50:>10.1f}"
            f"{each.p99:>10.1f}{each.accepted:>10}{3 * each.created - each.accepted:>7}"
        )


def _wait_for_threads(before: tuple[int, int], deadline: float) -> None:
    while time.monotonic() < deadline:
        if _count_rows("peer_message") - before[1] >= 3 * (_count_rows("peer_booking") - before[0]):
            return
        time.sleep(0.25)


def _count_rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - the names are constants
        (count,) = cursor.fetchone() or (0,)
        return int(count)
