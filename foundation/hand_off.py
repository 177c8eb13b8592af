"""Hand off: a job that runs for a time slice queues the next one before it ends."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection, transaction

from foundation.database_errors import is_database_unavailable
from foundation.graceful_stop import is_stopping

HAND_OFF_SECONDS = 20.0  # how long to retry; together with a slice well below django-q2's timeout
RETRY_SECONDS = 1.0


def hand_off(queue_next: Callable[[], None]) -> None:
    """Call ``queue_next`` in a transaction, again until the database is available.

    It raises the database's error after HAND_OFF_SECONDS, or if the worker is stopping. Then the supervisor or a
    schedule restarts the chain of jobs.
    """
    end = time.monotonic() + HAND_OFF_SECONDS
    while True:
        try:
            with transaction.atomic():
                queue_next()
        except Exception as error:
            if not is_database_unavailable(error) or is_stopping() or time.monotonic() > end:
                raise
            connection.close()
            time.sleep(RETRY_SECONDS)
        else:
            return
