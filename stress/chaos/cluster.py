"""Find the processes of a running worker by their role, and kill them."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress

import psutil

ALL_PROCESSES = "SIGTERM to all"
# A short run takes the first of them.
ROLES = [ALL_PROCESSES, "busy worker", "main", "sentinel", "monitor", "pusher", "idle worker"]


def kill_role(worker_pid: int, role: str, rng: random.Random) -> bool:
    """Kill one process of ``manage.py worker`` that has this role; return whether there was one.

    ALL_PROCESSES instead sends SIGTERM to the worker and all its descendants, as systemd does by default: the worker
    stops. django-q2 puts the role of each process into its title, and for a worker also whether it is idle.
    """
    if role == ALL_PROCESSES:
        worker = psutil.Process(worker_pid)
        for process in [worker, *worker.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        return True
    try:
        (main,) = psutil.Process(worker_pid).children()
        (sentinel,) = main.children()
        titles = {child.pid: process_title(child) for child in sentinel.children()}
        candidates = {
            "main": [main.pid],
            "sentinel": [sentinel.pid],
            "pusher": [pid for pid, title in titles.items() if title.endswith(" pusher")],
            "monitor": [pid for pid, title in titles.items() if title.endswith(" monitor")],
            "idle worker": [pid for pid, title in titles.items() if title.endswith(" idle")],
            "busy worker": [pid for pid, title in titles.items() if " processing " in title],
        }[role]
    except (ValueError, psutil.NoSuchProcess):  # the supervisor is replacing the cluster
        return False
    if not candidates:
        return False
    os.kill(rng.choice(candidates), signal.SIGKILL)
    return True


def process_titles(worker_pid: int) -> list[str]:
    """Return the titles of all descendants of ``manage.py worker``."""
    return [process_title(child) for child in psutil.Process(worker_pid).children(recursive=True)]


def process_title(process: psutil.Process) -> str:
    """Return the title of a process without the padding that remains after a longer title."""
    return " ".join(process.cmdline()).strip()
