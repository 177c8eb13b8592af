"""Concurrent callers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


def run_concurrently(work: Sequence[Callable[[], Any]]) -> list[Exception]:
    """Run each callable in its own thread, all started together; return the errors."""
    gate, faults = threading.Barrier(len(work)), []

    def run(each: Callable[[], Any]) -> None:
        with connection.cursor() as cursor:
            # Fifty callers on a busy machine can wait for one lock longer than the two seconds of the settings.
            cursor.execute("SET lock_timeout = '60s'; SET statement_timeout = '60s'")
        gate.wait()
        try:
            each()
        except Exception as error:
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def wait_until(is_done: Callable[[], bool], seconds: float = 15) -> None:
    """Return when ``is_done()`` is true; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < end, "The condition did not become true"
        time.sleep(0.005)
