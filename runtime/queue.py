"""The jobs that django-q2 may run, and the cleanup of its tables. The entry points are in each package's ``jobs``."""

import logging
from datetime import timedelta

from django.db.models.functions import Now
from django_q.models import Failure, OrmQ, Schedule
from django_q.signing import SignedPackage

from foundation.background_tasks import prepare_periodic_tasks
from notifications.jobs import DRAIN, lane_schedules, prepare_lanes, start_lanes
from runtime.jobs import PROCESS_DUE_ROWS, queue_due_rows
from runtime.preparation import preparation_lock

JOBS = [DRAIN, PROCESS_DUE_ROWS]
SHIMS = ["payments.jobs.sweep"]  # jobs that an older version queued; no schedule uses them
EVERY_MINUTE = {
    "schedule_type": Schedule.MINUTES,
    "minutes": 1,
    "repeats": -1,
    "kwargs": None,
    "hook": None,
    "cluster": None,
}
RETENTION = timedelta(days=7)  # of failed jobs: django-q2 keeps them forever

log = logging.getLogger(__name__)


def prepare_jobs() -> None:
    """Create missing rows and schedules, delete duplicate ones, and queue every job. Call this at each start."""
    with preparation_lock():
        prepare_periodic_tasks()
        prepare_lanes()
        _prepare_schedules()
    start_lanes()
    queue_due_rows()


def _prepare_schedules() -> None:
    """Keep one schedule per name, and delete the others. Each restarts a broken chain of jobs within a minute."""
    missing = {**lane_schedules(), "due rows": (PROCESS_DUE_ROWS, None)}
    for schedule in Schedule.objects.order_by("pk").values("pk", "name", "func", "args", *EVERY_MINUTE):
        pk, name, func, args = (schedule.pop(field) for field in ("pk", "name", "func", "args"))
        if missing.get(name) == (func, args) and schedule == EVERY_MINUTE:
            del missing[name]
        else:
            Schedule.objects.filter(pk=pk).delete()
    for name, (func, args) in missing.items():
        Schedule.objects.create(name=name, func=func, args=args, **EVERY_MINUTE)


def discard_unknown_jobs() -> None:
    """Delete queued jobs and schedules that are unknown or unreadable.

    A single one would kill django-q2's pusher along with the valid jobs that it holds, or stop every schedule. Nothing
    is lost: pending work is stored in our own tables.
    """
    for row in OrmQ.objects.all():
        try:
            is_known = SignedPackage.loads(row.payload)["func"] in [*JOBS, *SHIMS]
        except Exception as error:  # unpickling may raise anything
            log.error("Discarding an unreadable queued job: %s", type(error).__name__)
            row.delete()
        else:
            if not is_known:
                log.error("Discarding an unknown queued job")
                row.delete()
    discarded, _ = Schedule.objects.exclude(func__in=JOBS).delete()
    if discarded:
        log.error("Discarded %d unknown schedules", discarded)


def purge_failed_jobs() -> int:
    """Delete the failed jobs that are past their retention; return the number deleted."""
    deleted, _ = Failure.objects.filter(stopped__lt=Now() - RETENTION).delete()
    return int(deleted)
