"""Callers that come all at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection


def run_at_once(work: Sequence[Callable[[], Any]]) -> list[Exception]:
    """Run each in a thread of its own, all begun together; return what was raised."""
    gate, faults = threading.Barrier(len(work)), []

    def run(each: Callable[[], Any]) -> None:
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


def wait_until(is_so: Callable[[], bool], seconds: float = 15) -> None:
    """Return once ``is_so``; fail after so many seconds."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "It did not come so far"
        time.sleep(0.005)
