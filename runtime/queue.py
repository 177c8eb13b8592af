"""The preparation of the queue at each start, and the cleanup of django-q2's tables."""

from datetime import timedelta

from django.db.models.functions import Now
from django_q.models import Failure

from foundation.background_tasks import prepare_periodic_tasks
from notifications.jobs import prepare_lanes, start_lanes
from runtime.broker import discard_unknown_jobs
from runtime.jobs import queue_due_rows
from runtime.preparation import preparation_lock

RETENTION = timedelta(days=7)  # of failed jobs: django-q2 keeps them forever


def prepare_jobs() -> None:
    """Create missing rows, delete unknown jobs, and queue every job. Call this at each start."""
    with preparation_lock():
        prepare_periodic_tasks()
        prepare_lanes()
    discard_unknown_jobs()
    start_lanes()
    queue_due_rows()


def purge_failed_jobs() -> int:
    """Delete the failed jobs that are past their retention; return the number deleted."""
    expired = Failure.objects.filter(stopped__lt=Now() - RETENTION)
    # In one statement: reading a row would unpickle its result.
    return int(expired._raw_delete(expired.db))
