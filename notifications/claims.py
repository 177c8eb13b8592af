"""The SQL of the claim → send → record loop. One statement each, on the database's clock."""

from __future__ import annotations

from django.db import connection, transaction
from psycopg2.extras import execute_values

from notifications.delivery import Outcome
from notifications.models import Notification
from notifications.providers.base import Outgoing

# Longer than any try can take (connect 3 s + read 10 s, SMTP 10 s a step), so that a lapsed lease means a dead sender.
LEASE_SECONDS = 60


def claim_due(*, room: int, worker: str) -> list[Outgoing]:
    """Lease up to ``room`` due notifications to ``worker`` and write their attempt rows; committed on return."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH due AS MATERIALIZED (
                SELECT id FROM notifications_notification WHERE status = 'queued' AND due_at <= clock_timestamp()
                ORDER BY due_at LIMIT %(room)s FOR UPDATE SKIP LOCKED),
            claimed AS (
                UPDATE notifications_notification n
                SET status = 'sending', lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
                    lease_token = gen_random_uuid(), attempts = attempts + 1
                FROM due WHERE n.id = due.id
                RETURNING n.id, n.lease_token, n.attempts, n.channel, n.address, n.subject, n.body),
            tried AS (
                INSERT INTO notifications_attempt
                    (id, notification_id, number, worker, started_at, outcome, error_code, detail)
                SELECT lease_token, id, attempts, %(worker)s, clock_timestamp(), '', '', '' FROM claimed)
            SELECT * FROM claimed
            """,
            {"room": room, "lease": LEASE_SECONDS, "worker": worker},
        )
        return [
            Outgoing(id, token, number, Notification.Channel(channel), address, subject, body)
            for id, token, number, channel, address, subject, body in cursor.fetchall()
        ]


def record(outcomes: list[Outcome]) -> int:
    """Write what the tries came to; return how many rows moved.

    The lease token is the fence: a sender that comes back after its lease was taken away moves no row. The attempt
    keeps its outcome all the same, since it did happen.
    """
    if not outcomes:
        return 0
    rows = [
        (
            str(outcome.message.id), str(outcome.message.attempt_id), outcome.status.value, outcome.provider_id,
            outcome.http_status, outcome.code[:20], outcome.detail[:250], outcome.again_in, int(not outcome.counts),
        )
        for outcome in outcomes
    ]  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        execute_values(cursor.cursor, _RECORD_ATTEMPTS, rows)
        moved = execute_values(cursor.cursor, _RECORD_NOTIFICATIONS, rows, fetch=True)
        return len(moved)


_COLUMNS = "(id, token, status, provider_id, http_status, code, detail, again_in, uncounted)"

_RECORD_ATTEMPTS = f"""
    UPDATE notifications_attempt a
    SET ended_at = clock_timestamp(), outcome = v.status, http_status = v.http_status::int,
        error_code = v.code, detail = v.detail
    FROM (VALUES %s) AS v {_COLUMNS} WHERE a.id = v.token::uuid
"""  # noqa: S608 - the columns are ours

_RECORD_NOTIFICATIONS = f"""
    UPDATE notifications_notification n
    SET status = v.status, lease_until = NULL, lease_token = NULL,
        provider_id = CASE WHEN v.provider_id <> '' THEN v.provider_id ELSE n.provider_id END,
        error_code = v.code, error = v.detail, attempts = n.attempts - v.uncounted,
        due_at = CASE WHEN v.status = 'queued'
                      THEN clock_timestamp() + make_interval(secs => v.again_in) ELSE n.due_at END,
        accepted_at = CASE WHEN v.status = 'accepted' THEN clock_timestamp() ELSE n.accepted_at END
    FROM (VALUES %s) AS v {_COLUMNS}
    WHERE n.id = v.id::uuid AND n.status = 'sending' AND n.lease_token = v.token::uuid
    RETURNING n.id
"""  # noqa: S608 - the columns are ours


def reap_lapsed_leases() -> int:
    """Call what a dead sender left behind unknown; return how many. Never queued: it may have been sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH lapsed AS (
                UPDATE notifications_notification
                SET status = 'unknown', lease_until = NULL, lease_token = NULL,
                    error = 'The worker stopped in the middle of sending: it may have been sent.'
                FROM (SELECT id AS lapsed_id, lease_token AS token FROM notifications_notification
                      WHERE status = 'sending' AND lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED) AS old
                WHERE id = lapsed_id RETURNING token)
            UPDATE notifications_attempt a
            SET ended_at = clock_timestamp(), outcome = 'unknown', detail = 'The worker stopped.'
            FROM lapsed WHERE a.id = lapsed.token AND a.ended_at IS NULL
            """
        )
        return int(cursor.rowcount)


def beat(*, slot: int, worker: str) -> None:
    """Say that ``slot`` is being drained."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO notifications_dispatcher (slot, beat_at, worker) VALUES (%s, clock_timestamp(), %s)
               ON CONFLICT (slot) DO UPDATE SET beat_at = excluded.beat_at, worker = excluded.worker""",
            [slot, worker],
        )


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


LOCK_SPACE = 0x0DAB  # keeps our advisory locks apart from anybody else's
