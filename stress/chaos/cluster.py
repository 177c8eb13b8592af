"""Find the processes of a running worker by their role, and kill them."""

from __future__ import annotations

import os
import random
import signal

import psutil

ROLES = ["main", "sentinel", "pusher", "monitor", "busy worker", "idle worker", "group SIGTERM"]


def kill_role(worker_pid: int, role: str, rng: random.Random) -> bool:
    """Kill one process with ``role`` below the ``manage.py worker`` with that pid; return whether there was one.

    django-q2 sets the title of each process to its role, and of a worker to whether it is idle.
    """
    try:
        (main,) = psutil.Process(worker_pid).children()
        (sentinel,) = main.children()
        titles = {child.pid: title(child) for child in sentinel.children()}
        candidates = {
            "main": [main.pid],
            "sentinel": [sentinel.pid],
            "group SIGTERM": [main.pid],
            "pusher": [pid for pid, title in titles.items() if title.endswith(" pusher")],
            "monitor": [pid for pid, title in titles.items() if title.endswith(" monitor")],
            "idle worker": [pid for pid, title in titles.items() if title.endswith(" idle")],
            "busy worker": [pid for pid, title in titles.items() if " processing " in title],
        }[role]
    except (ValueError, psutil.NoSuchProcess):  # the supervisor is replacing the cluster
        return False
    if not candidates:
        return False
    if role == "group SIGTERM":
        os.killpg(main.pid, signal.SIGTERM)
    else:
        os.kill(rng.choice(candidates), signal.SIGKILL)
    return True


def process_titles(worker_pid: int) -> list[str]:
    """Return the titles of all processes under a worker."""
    return [title(child) for child in psutil.Process(worker_pid).children(recursive=True)]


def title(process: psutil.Process) -> str:
    """Return the title of a process. A title that is shorter than the previous one is padded."""
    return " ".join(process.cmdline()).strip()
