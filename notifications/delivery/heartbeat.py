"""Which slots are drained, and by whom. A slot is an advisory lock: hosts share it, and a dead session frees it."""

from __future__ import annotations

from django.db import connection

LOCK_SPACE = 0x0DAB  # keeps our advisory locks apart from anybody else's


def record_heartbeat(*, lane: int, worker: str) -> None:
    """Record that ``worker`` is draining ``lane``."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO notifications_lane (number, beat_at, worker) VALUES (%s, clock_timestamp(), %s)
               ON CONFLICT (number) DO UPDATE SET beat_at = excluded.beat_at, worker = excluded.worker""",
            [lane, worker],
        )


def oldest_heartbeat_age() -> float | None:
    """Return the age of the oldest heartbeat, or None while a lane has none yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT extract(epoch FROM clock_timestamp() - min(beat_at)), bool_or(beat_at IS NULL)
               FROM notifications_lane"""
        )
        age, is_new = cursor.fetchone()
        return None if is_new or age is None else float(age)
