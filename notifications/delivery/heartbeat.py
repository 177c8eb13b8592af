"""Lane heartbeats.

An advisory lock guards each lane, so several hosts can share the lanes, and PostgreSQL releases a dead session's lock.
"""

from __future__ import annotations

from django.db import connection

LOCK_SPACE = 0x0DAB  # separates our advisory locks from those of other programs

RECORD_HEARTBEAT = """
    INSERT INTO notifications_lane (number, beat_at, worker) VALUES (%s, clock_timestamp(), %s)
    ON CONFLICT (number) DO UPDATE SET beat_at = excluded.beat_at, worker = excluded.worker
"""

OLDEST_HEARTBEAT_AGE = """
    SELECT extract(epoch FROM clock_timestamp() - min(beat_at)), bool_or(beat_at IS NULL) FROM notifications_lane
"""


def record_heartbeat(*, lane: int, worker: str) -> None:
    """Record that ``worker`` is draining ``lane``."""
    with connection.cursor() as cursor:
        cursor.execute(RECORD_HEARTBEAT, [lane, worker])


def oldest_heartbeat_age() -> float | None:
    """Return the age of the oldest heartbeat in seconds, or None if a lane has none yet or there are no lanes."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST_HEARTBEAT_AGE)
        age, has_lane_without_heartbeat = cursor.fetchone()
        return None if has_lane_without_heartbeat or age is None else float(age)
