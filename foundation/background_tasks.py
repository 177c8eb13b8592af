"""Background work that the apps register in ``AppConfig.ready`` and the worker runs.

A *due task* processes rows that are due; it runs all the time. A *periodic task* runs once per interval. A *purge*
deletes rows that are past their retention; the daily housekeeping runs all purges. Each returns the number of rows that
it processed. The rows record what is due, so a task that did not run, ran twice or died halfway does not change the
final result.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, InterfaceError

from foundation.database_errors import is_database_unavailable
from foundation.models import PeriodicTask

log = logging.getLogger(__name__)

HOUSEKEEPING = "housekeeping"

Task = Callable[[], int]


@dataclass(frozen=True)
class _Periodic:
    name: str
    interval: timedelta
    task: Task


_due_tasks: list[Task] = []
_periodic_tasks: list[_Periodic] = []
_purges: list[Task] = []


def register_due_task(task: Task) -> None:
    """Register ``task`` to run in every pass over due rows."""
    _due_tasks.append(task)


def register_periodic_task(name: str, interval: timedelta, task: Task) -> None:
    """Register ``task`` to run once per ``interval``. It may set the ``due_at`` of its ``PeriodicTask`` row itself."""
    _periodic_tasks.append(_Periodic(name, interval, task))


def register_purge(purge: Task) -> None:
    """Register ``purge`` to run in the daily housekeeping."""
    _purges.append(purge)


def prepare_periodic_tasks() -> None:
    """Create the missing rows of the periodic tasks; they are due immediately. Call this whenever a worker starts."""
    rows = [PeriodicTask(name=periodic.name) for periodic in _periodic_tasks]
    PeriodicTask.objects.bulk_create(rows, ignore_conflicts=True)


def run_due_tasks() -> int:
    """Run the due tasks and the periodic tasks that are due; return how many rows they processed.

    A task that fails does not stop the others. Raises only if the database is unavailable.
    """
    rows = sum(_run(task) for task in _due_tasks)
    for periodic in _periodic_tasks:
        if PeriodicTask.objects.claim(periodic.name, periodic.interval):
            rows += _run(periodic.task)
    return rows


def housekeeping() -> int:
    """Run every purge, even if one fails; return how many rows were deleted."""
    return sum(_run(purge) for purge in _purges)


def _run(task: Task) -> int:
    try:
        return task()
    except (DatabaseError, InterfaceError) as error:
        if is_database_unavailable(error):
            raise  # the next pass begins with a new connection
        log.exception("Background task %s failed", task.__name__)
    except Exception:
        # The rows that it claimed are due again when their lease expires.
        log.exception("Background task %s failed", task.__name__)
    return 0
