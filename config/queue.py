"""The jobs that django-q2 may run, and how its tables are kept in order. Their entry points are in each app's jobs."""

import logging

from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from notifications.jobs import DRAIN, prepare_drains
from payments.jobs import SWEEP, prepare_sweep

JOBS = [DRAIN, SWEEP]

log = logging.getLogger(__name__)


def prepare_jobs() -> None:
    """Make every schedule exist and start every job. Run it whenever a worker starts."""
    prepare_drains()
    prepare_sweep()


def discard_poison() -> None:
    """Take queued jobs and schedules away that are none of ours or cannot be read.

    One of them would kill django-q2's pusher with the healthy jobs it holds, or stop every schedule. Nothing is lost
    with them: what is owed is in our own tables.
    """
    for row in OrmQ.objects.all():
        try:
            is_ours = SignedPackage.loads(row.payload)["func"] in JOBS
        except Exception as error:  # an unpicklable payload may raise anything
            log.error("Discarding a queued job that cannot be read: %s", type(error).__name__)
            row.delete()
        else:
            if not is_ours:
                log.error("Discarding a queued job that is none of ours")
                row.delete()
    discarded, _ = Schedule.objects.exclude(func__in=JOBS).delete()
    if discarded:
        log.error("Discarding %d schedules that are none of ours", discarded)
