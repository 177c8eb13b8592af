"""All processes of one Daybook, found by its DATA_DIR, and its messages."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
from django.db import connection

from notifications.models import Notification
from sandbox.process import RunningSandbox
from tests.builders.bookings import make_booking, make_service, slot

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Return the running processes with this DATA_DIR, the embedded PostgreSQL included."""
    return [process for process in psutil.process_iter() if _belongs_to(process, data_dir)]


def _belongs_to(process: psutil.Process, data_dir: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        uses_data = any(str(data_dir) in argument for argument in process.cmdline())
        return uses_data or process.environ().get("DATA_DIR") == str(data_dir)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def find_process(data_dir: Path, *arguments: str) -> psutil.Process:
    """Return the one process whose command line contains all ``arguments`` and whose parent's does not."""
    found = [process for process in processes_of(data_dir) if has_arguments(process, *arguments)]
    (root,) = [process for process in found if process.parent() not in found]
    return root


def has_arguments(process: psutil.Process, *arguments: str) -> bool:
    """Return whether the command line of a running process contains all ``arguments``."""
    try:
        command = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
    return all(argument in command for argument in arguments)


def wait_until(condition: Callable[[], object], seconds: float = 40, pause: float = 0.1) -> float:
    """Wait until the condition holds; return how many seconds that took. Raises AssertionError after ``seconds``."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"not within {seconds} s"
        time.sleep(pause)
    return time.monotonic() - start


def book(count: int, *, first_day: int = 1) -> None:
    """Create bookings with a message per channel each, at different times."""
    service = make_service(resources=4, slug=f"service-{first_day}")
    for number in range(count):
        make_booking(service=service, starts_at=slot(hour=9 + number % 8, days=first_day + number // 8))


def statuses() -> Counter[str]:
    connection.close()  # the server may have been restarted
    return Counter(Notification.objects.values_list("status", flat=True))


def accept_counts(sandbox: RunningSandbox) -> Counter[int]:
    """Return how many messages the providers have accepted how many times."""
    ids = accepted_ids(sandbox)
    return Counter(ids[str(pk)] for pk in Notification.objects.values_list("pk", flat=True))


def accepted_ids(sandbox: RunningSandbox) -> Counter[str]:
    """Return the number of times that the providers have accepted each message, whose id is in what we send."""
    entries = sandbox.client.accepted()
    matches = (UUID.search(entry.get("status_callback") or entry["message_id"]) for entry in entries)
    return Counter(match.group() for match in matches if match)
