"""Which slots are drained, and by whom. A slot is an advisory lock: hosts share it, and a dead session frees it."""

from __future__ import annotations

from django.db import connection

LOCK_SPACE = 0x0DAB  # keeps our advisory locks apart from anybody else's


def beat(*, slot: int, worker: str) -> None:
    """Say that ``slot`` is being drained."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO notifications_dispatcher (slot, beat_at, worker) VALUES (%s, clock_timestamp(), %s)
               ON CONFLICT (slot) DO UPDATE SET beat_at = excluded.beat_at, worker = excluded.worker""",
            [slot, worker],
        )


def seconds_since_beat() -> float | None:
    """Return the age of the oldest heartbeat, or None while a slot has none yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT extract(epoch FROM clock_timestamp() - min(beat_at)), bool_or(beat_at IS NULL)
               FROM notifications_dispatcher"""
        )
        age, is_new = cursor.fetchone()
        return None if is_new or age is None else float(age)


def try_lock(slot: int) -> bool:
    """Take the slot for this session; return False while another session, on any host, has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_SPACE, slot])
        (taken,) = cursor.fetchone()
        return bool(taken)


def unlock(slot: int) -> None:
    """Give the slot back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK_SPACE, slot])
