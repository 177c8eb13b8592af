"""Finds the processes of a running worker by their role, and ends them the hard way."""

from __future__ import annotations

import os
import random
import signal
from dataclasses import dataclass, field

import psutil

ROLES = ["main", "sentinel", "pusher", "monitor", "busy worker", "idle worker", "group SIGTERM"]


@dataclass
class Cluster:
    """django-q2's processes under one ``manage.py worker``. Only the order of their birth tells them apart."""

    worker_pid: int
    workers: int
    known: dict[int, dict[str, list[int]]] = field(default_factory=dict)  # by the sentinel's pid

    def strike(self, role: str, busy: set[int], dice: random.Random) -> bool:
        """Kill one process of ``role``; return whether there was one. ``busy``: the pids that drain a slot."""
        main, roles = self._roles()
        if main is None:
            return False
        if role == "group SIGTERM":
            os.killpg(main.pid, signal.SIGTERM)
            return True
        candidates = roles.get(role.removeprefix("busy ").removeprefix("idle "), [])
        if role == "busy worker":
            candidates = [pid for pid in candidates if pid in busy] or sorted(busy & set(psutil.pids()))
        if role == "idle worker":
            candidates = [pid for pid in candidates if pid not in busy]
        candidates = [pid for pid in candidates if psutil.pid_exists(pid)]
        if not candidates:
            return False
        os.kill(dice.choice(candidates), signal.SIGKILL)
        return True

    def _roles(self) -> tuple[psutil.Process | None, dict[str, list[int]]]:
        try:
            (main,) = psutil.Process(self.worker_pid).children()
            (sentinel,) = main.children()
            if sentinel.pid not in self.known:
                born = [child.pid for child in sorted(sentinel.children(), key=lambda child: child.create_time())]
                if len(born) < self.workers + 2:
                    return None, {}
                first = {"worker": born[: self.workers], "monitor": [born[self.workers]], "pusher": [born[-1]]}
                self.known[sentinel.pid] = {"main": [main.pid], "sentinel": [sentinel.pid], **first}
            return main, self.known[sentinel.pid]
        except (ValueError, psutil.NoSuchProcess):
            return None, {}
