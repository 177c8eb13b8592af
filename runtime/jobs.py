"""The job that runs the registered due tasks. The rows record what is due; the job only starts the passes over them."""

from __future__ import annotations

import time

from foundation.advisory_locks import release_advisory_lock, try_advisory_lock
from foundation.background_tasks import run_due_tasks
from foundation.graceful_stop import is_stopping
from foundation.hand_off import hand_off
from foundation.job_queue import queue_job

PROCESS_DUE_ROWS = "process_due_rows"
SLICE_SECONDS = 10.0  # well below django-q2's timeout, even with the gateway's slowest response added
POLL_SECONDS = 0.25
LOCK_KEY = 0x0DA7  # one pass at a time, across all hosts


def process_due_rows() -> None:
    """Run the due tasks for one time slice, or until the worker stops; then queue the next slice."""
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
    """Queue a pass over the due rows. It ends immediately if another one is running."""
    queue_job(PROCESS_DUE_ROWS)
