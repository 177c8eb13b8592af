"""django-q2's broker for our queue: it hands over known jobs only, and deletes every other row unread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django_q.brokers.orm import ORM
from django_q.exceptions import TimeoutException
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from foundation.clock import database_now
from foundation.job_queue import read_job
from notifications.jobs import DRAIN, drain
from runtime.jobs import PROCESS_DUE_ROWS, process_due_rows

JOBS: dict[str, Callable[..., None]] = {DRAIN: drain, PROCESS_DUE_ROWS: process_due_rows}

log = logging.getLogger(__name__)


class JobBroker(ORM):
    """Reads rows that ``queue_job`` wrote. The pickle that django-q2 expects never leaves its pusher's process."""

    def dequeue(self) -> list[tuple[int, str]] | None:
        rows = super().dequeue()
        if not rows:  # None after a pause; an empty list if another host was faster
            return None
        tasks = [(pk, task) for pk, payload in rows if (task := _task(payload)) is not None]
        if len(tasks) < len(rows):
            discard_unknown_jobs()
        return [(pk, SignedPackage.dumps(task)) for pk, task in tasks]


def discard_unknown_jobs() -> None:
    """Delete the queued rows that are unreadable or name an unknown job, without running anything that they contain.

    Rows of an earlier version are among them. Nothing is lost: pending work is stored in our own tables.
    """
    unknown = [pk for pk, payload in OrmQ.objects.values_list("pk", "payload") if _task(payload) is None]
    if unknown:
        deleted, _ = OrmQ.objects.filter(pk__in=unknown).delete()
        log.warning("Deleted %d queued jobs that were unreadable or unknown; the worker continues.", deleted)


def run_job(name: str, *args: int) -> None:
    """Run a job. django-q2 runs no other function, and gets no error, which it would store with its values."""
    try:
        JOBS[name](*args)
    except (Exception, TimeoutException):
        log.exception("Job %s failed", name)


def _task(payload: str) -> dict[str, Any] | None:
    """Return the job of a row as django-q2's task, or None if it is not a known job."""
    job = read_job(payload)
    if job is None or job[0] not in JOBS:
        return None
    name, args = job
    return {
        "id": uuid4().hex,
        "name": name,
        "func": run_job,
        "args": (name, *args),
        "kwargs": {},
        "started": database_now(),
        "ack_failure": True,
    }
