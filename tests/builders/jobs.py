"""Rows in django-q2's tables, as the worker or an attacker writes them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

from django.core import signing
from django.utils import timezone
from django_q.models import OrmQ

from foundation.job_queue import SALT, read_job

DJANGO_Q2_SALT = "daybook"


class Command:
    """Runs a shell command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


class _Pickle:
    def dumps(self, value: object) -> bytes:
        return pickle.dumps(value)


def queue_row(payload: str) -> None:
    OrmQ.objects.create(key="daybook", payload=payload, lock=timezone.now())


def queued_jobs() -> list[tuple[str, list[int]]]:
    """Return the names and arguments of the queued jobs."""
    return [read_job(row.payload) or ("unreadable", []) for row in OrmQ.objects.order_by("pk")]


def hostile_payloads(key: str, marker: Path) -> list[str]:
    """Return payloads, signed with ``key``, that would create the file ``marker`` if any of them were executed."""
    command = f"touch {marker}"
    tasks: list[Any] = [
        Command(command),
        {"id": "1", "name": "x", "func": "os.system", "args": (command,), "kwargs": {}, "started": timezone.now()},
    ]
    jobs: list[Any] = [
        ["os.system", command],
        ["os.system", 1],
        ["drain", {"hook": "os.system"}],
        {"func": "os.system", "args": [command], "hook": "os.system"},
        "os.system",
    ]
    return [
        *(
            signing.dumps(task, key=key, salt=salt, serializer=_Pickle)
            for task in tasks
            for salt in (SALT, DJANGO_Q2_SALT)
        ),
        *(signing.dumps(job, key=key, salt=SALT) for job in jobs),
    ]
