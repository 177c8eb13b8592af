"""Run callables concurrently, and wait for conditions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet


def run_concurrently(calls: Sequence[Callable[[], Any]]) -> list[Exception]:
    """Run each callable in its own thread, all started together; return the errors."""
    barrier, errors = threading.Barrier(len(calls)), []

    def run(call: Callable[[], Any]) -> None:
        with connection.cursor() as cursor:
            # Fifty callers on a busy machine can wait for one lock longer than the two seconds in the settings.
            cursor.execute("SET lock_timeout = '60s'; SET statement_timeout = '60s'")
        barrier.wait()
        try:
            call()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def run_while_locked(rows: QuerySet[Any], change: Callable[[], Any], call: Callable[[], Any]) -> list[Exception]:
    """Lock the rows, start ``call``, make ``change`` while it waits for a lock, and commit; return the errors."""
    locked = threading.Event()

    def lock_and_change() -> None:
        with transaction.atomic():
            list(rows.select_for_update(no_key=True))
            locked.set()
            wait_until(is_waiting_for_lock)
            change()

    def call_when_locked() -> None:
        assert locked.wait(15)
        call()

    return run_concurrently([lock_and_change, call_when_locked])


def wait_until(is_done: Callable[[], bool], seconds: float = 15) -> None:
    """Return when ``is_done()`` is true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < end, "The condition did not become true"
        time.sleep(0.005)


def is_waiting_for_lock() -> bool:
    """Return whether a session of this database waits for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # a transaction caches the first snapshot that it reads
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return bool(cursor.fetchone()[0])
