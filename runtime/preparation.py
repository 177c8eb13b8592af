"""What a start prepares in the database. Starts at the same time wait for each other, so each step may check first."""

from __future__ import annotations

from contextlib import AbstractContextManager

from foundation.advisory_locks import advisory_lock

PREPARATION_LOCK = 0x0DA8


def preparation_lock() -> AbstractContextManager[None]:
    """Hold the lock of migrations, prepared rows and seeds, across all hosts. It can be nested."""
    return advisory_lock(PREPARATION_LOCK)
