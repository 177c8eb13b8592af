"""The job that runs the registered due tasks. The rows record what is due; the job only starts the passes over them."""

from __future__ import annotations

import time

from django.db import transaction
from django_q.tasks import async_task

from foundation.advisory_locks import release_advisory_lock, try_advisory_lock
from foundation.background_tasks import run_due_tasks
from foundation.graceful_stop import is_stopping
from foundation.hand_off import hand_off

PROCESS_DUE_ROWS = "runtime.jobs.process_due_rows"
SLICE_SECONDS = 10.0  # well below django-q2's timeout, even with the gateway's slowest response added
POLL_SECONDS = 0.25
LOCK_KEY = 0x0DA7  # one pass at a time, across all hosts


def process_due_rows() -> None:
    """Run the due tasks for one time slice, or until the worker stops; then queue the next slice.

    Queued jobs store this path: a rename needs a shim.
    """
    if not try_advisory_lock(LOCK_KEY):
        return
    try:
        end = time.monotonic() + SLICE_SECONDS
        while time.monotonic() < end and not is_stopping():
            if not run_due_tasks():
                time.sleep(POLL_SECONDS)
    finally:
        release_advisory_lock(LOCK_KEY)
        hand_off(queue_due_rows)


def queue_due_rows() -> None:
    """Queue a pass over the due rows."""
    with transaction.atomic():  # outside a transaction django-q2 closes the connection
        async_task(PROCESS_DUE_ROWS)
