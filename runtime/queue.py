"""The jobs that django-q2 may run, and the cleanup of its tables. The entry points are in each package's ``jobs``."""

import logging

from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from notifications.jobs import DRAIN, prepare_lanes
from runtime.jobs import PROCESS_DUE_ROWS, prepare_due_rows

JOBS = [DRAIN, PROCESS_DUE_ROWS]
SHIMS = ["payments.jobs.sweep"]  # jobs that an older version queued; no schedule uses them

log = logging.getLogger(__name__)


def prepare_jobs() -> None:
    """Create the missing schedules and queue every job. Call this whenever a worker starts."""
    prepare_lanes()
    prepare_due_rows()


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
