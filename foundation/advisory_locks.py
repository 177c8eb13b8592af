"""PostgreSQL's session-level advisory locks: shared by all hosts, and released when the session ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, InterfaceError, connection

POLL_SECONDS = 0.1


@contextmanager
def advisory_lock(*key: int) -> Iterator[None]:
    """Hold the lock; wait until other sessions have released it. PostgreSQL would wait only until ``lock_timeout``."""
    while not try_advisory_lock(*key):
        time.sleep(POLL_SECONDS)
    try:
        yield
    finally:
        release_advisory_lock(*key)


def try_advisory_lock(*key: int) -> bool:
    """Lock ``key`` (one bigint or two integers) for this session; return False if another session holds it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock({_placeholders(key)})", key)
        (is_locked,) = cursor.fetchone()
        return bool(is_locked)


def release_advisory_lock(*key: int) -> None:
    """Release the lock. If the database is unavailable, close the session instead, which releases it too."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_unlock({_placeholders(key)})", key)
    except (DatabaseError, InterfaceError):
        connection.close()


def _placeholders(key: tuple[int, ...]) -> str:
    return ", ".join(["%s"] * len(key))
