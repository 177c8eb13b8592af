"""Finds the processes of a running worker by their role, and ends them the hard way."""

from __future__ import annotations

import os
import random
import signal

import psutil

ROLES = ["main", "sentinel", "pusher", "monitor", "busy worker", "idle worker", "group SIGTERM"]


def strike(worker_pid: int, role: str, dice: random.Random) -> bool:
    """Kill one process of ``role`` under the ``manage.py worker`` of that pid; return whether there was one.

    django-q2 writes into each process's title what it is, and of its workers, whether they are idle.
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
    except (ValueError, psutil.NoSuchProcess):  # the cluster is just being replaced
        return False
    if not candidates:
        return False
    if role == "group SIGTERM":
        os.killpg(main.pid, signal.SIGTERM)
    else:
        os.kill(dice.choice(candidates), signal.SIGKILL)
    return True


def family(worker_pid: int) -> list[str]:
    """Return the titles of all processes under a worker."""
    return [title(child) for child in psutil.Process(worker_pid).children(recursive=True)]


def title(process: psutil.Process) -> str:
    """Return what the process says it is; a title shorter than the one before it is padded."""
    return " ".join(process.cmdline()).strip()
