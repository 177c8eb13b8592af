"""``make run`` under supervisord, runit and s6, on an embedded PostgreSQL of its own, booked over HTTP."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
import requests

from runtime.processes import ROOT, free_port, manage_command, wait_for_web
from sandbox.process import RunningSandbox
from tests.daybook_processes import accepted_ids, find_process, has_arguments, processes_of, wait_until
from tests.peers.service_managers import S6, ControlGroup, Runit, ServiceManager, Supervisord

pytestmark = [pytest.mark.peers, pytest.mark.timeout(400)]

STOP_SECONDS = 40
BOOKINGS = 8
OUTSIDE = {"DATABASE_URL", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # of the tests, not of the service


class Daybook:
    """Daybook under a service manager."""

    def __init__(self, manager: type[ServiceManager], sandbox: RunningSandbox, folder: Path) -> None:
        self.sandbox = sandbox
        self.port = free_port(0)
        self.address = f"http://127.0.0.1:{self.port}"
        self.data_dir = folder / "data"
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in OUTSIDE},
            **sandbox.environment,
            "PORT": str(self.port),
            "PUBLIC_BASE_URL": self.address,
            "DATA_DIR": str(self.data_dir),
            "SPT_NOENV": "1",  # let setproctitle keep /proc/<pid>/environ, in which processes_of finds DATA_DIR
        }
        self.manager = manager(folder, self.environment)

    def wait_until_healthy(self) -> None:
        wait_until(self._is_listening, 90)
        wait_for_web(self.address)

    def _is_listening(self) -> bool:
        return free_port(self.port) != self.port

    def processes(self) -> list[psutil.Process]:
        """Return the running processes of the service, without its manager."""
        return [process for process in processes_of(self.data_dir) if process.pid != self.manager.process.pid]

    def seed(self) -> None:
        subprocess.run(manage_command("seed_demo"), cwd=ROOT, env=self.environment, check=True)

    def book(self, count: int) -> None:
        """Book the first free slots."""
        today = datetime.now().date()  # noqa: DTZ005 - any day of the next weeks will do
        query = {"from": today + timedelta(days=1), "to": today + timedelta(days=8)}
        slots = requests.get(f"{self.address}/services/blood-test/availability", params=query, timeout=10).json()[
            "slots"
        ]
        for number, slot in enumerate(slots[:count]):
            customer = {
                "name": f"Customer {number}",
                "phone": f"+9198123400{number:02}",
                "email": f"c{number}@example.com",
            }
            body = {"service": "blood-test", "starts_at": slot["starts_at"], "customer": customer}
            response = requests.post(f"{self.address}/bookings/", json=body, timeout=10)
            assert response.status_code == 201, response.text

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        connection = psycopg2.connect(f"postgresql://postgres:@/daybook?host={self.data_dir / 'postgres'}")
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        finally:
            connection.close()

    def are_in_flight(self) -> bool:
        return len(self.query("SELECT 1 FROM notifications_notification WHERE status = 'sending'")) >= 6

    def are_all_sent(self) -> bool:
        unsent = "SELECT 1 FROM notifications_notification WHERE status IN ('queued', 'sending', 'unknown')"
        return not self.query(f"{unsent} AND due_at < now()")

    def assert_each_message_was_sent_once(self) -> None:
        wait_until(self.are_all_sent, 60)
        due = {str(id) for (id,) in self.query("SELECT id FROM notifications_notification WHERE due_at < now()")}
        assert Counter(accepted_ids(self.sandbox)[id] for id in due) == {1: len(due)}
        assert self.query("SELECT count(*) FROM notifications_attempt WHERE outcome = 'unknown'") == [(0,)]


RESTARTING = [Supervisord, Runit, S6]


@pytest.fixture
def daybook(request, sandbox):
    # Not below pytest's folder: it closes itself to other users, and PostgreSQL runs as one.
    with tempfile.TemporaryDirectory(prefix="daybook-service-") as path:
        folder = Path(path)
        folder.chmod(0o755)
        running = Daybook(request.param, sandbox, folder)
        try:
            running.wait_until_healthy()
            running.seed()
            yield running
        finally:
            running.manager.end()
            for process in processes_of(running.data_dir):
                process.kill()


@pytest.mark.parametrize("daybook", [*RESTARTING, ControlGroup], indirect=True)
def test_service_that_is_stopped_delivers_each_message_once(daybook, sandbox):
    sandbox.client.set(message_seconds_min=2, message_seconds_max=3)
    daybook.book(BOOKINGS)
    wait_until(daybook.are_in_flight)

    start = time.monotonic()
    daybook.manager.stop()
    seconds = time.monotonic() - start

    assert seconds <= STOP_SECONDS
    assert daybook.processes() == []
    daybook.manager.start()
    daybook.wait_until_healthy()
    daybook.assert_each_message_was_sent_once()


@pytest.mark.parametrize("daybook", RESTARTING, indirect=True)
def test_service_that_is_killed_is_restarted_and_delivers_each_message_once(daybook, sandbox):
    sandbox.client.set(message_seconds_min=2, message_seconds_max=3)
    daybook.book(BOOKINGS)
    wait_until(daybook.are_in_flight)
    killed = find_process(daybook.data_dir, "manage.py run")

    killed.kill()
    wait_until(lambda: is_replaced(daybook, killed), 60)
    daybook.wait_until_healthy()

    daybook.assert_each_message_was_sent_once()


def is_replaced(daybook, killed):
    runs = [process for process in daybook.processes() if has_arguments(process, "manage.py run")]
    return killed not in runs and bool(runs)
