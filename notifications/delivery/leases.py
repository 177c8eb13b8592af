"""Take back expired leases, and take notifications out of the queue that must not be sent."""

from __future__ import annotations

from django.conf import settings
from django.db import connection


def take_back_expired_leases() -> int:
    """Take back what dead senders left behind; return how many.

    It is unknown and never simply queued again, since it may have been sent. The one exception is an e-mail whose
    hand-over had not begun: ``record_handovers`` would have refused it from now on, so it cannot have been sent.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH lapsed AS (
                SELECT n.id, n.lease_token AS token, n.channel = 'email' AND a.phase = '' AS is_unsent
                FROM notifications_notification n JOIN notifications_attempt a ON a.id = n.lease_token
                WHERE n.status = 'sending' AND n.lease_until < clock_timestamp() FOR UPDATE OF n, a SKIP LOCKED),
            taken AS (
                UPDATE notifications_notification n
                SET status = CASE WHEN is_unsent THEN 'queued' ELSE 'unknown' END,
                    lease_until = NULL, lease_token = NULL,
                    due_at = clock_timestamp() + make_interval(secs => CASE WHEN is_unsent THEN 0 ELSE %s END),
                    unknown_since = CASE WHEN is_unsent THEN n.unknown_since ELSE clock_timestamp() END,
                    error = CASE WHEN is_unsent THEN 'The worker stopped before it was sent.'
                                 ELSE 'The worker stopped in the middle of sending: it may have been sent.' END
                FROM lapsed WHERE n.id = lapsed.id RETURNING token, n.status)
            UPDATE notifications_attempt a
            SET ended_at = clock_timestamp(), outcome = taken.status, detail = 'The worker stopped.'
            FROM taken WHERE a.id = taken.token AND a.ended_at IS NULL
            """,
            [settings.LOOKUP_SETTLE_SECONDS],
        )
        return int(cursor.rowcount)


def drop_undeliverable() -> None:
    """Take out of the queue what is due but of no use any more, or for an address that is not written to."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_notification SET status = 'expired', error = 'It was of no use any more.'
               WHERE status = 'queued' AND due_at <= statement_timestamp() AND expires_at <= statement_timestamp()"""
        )
        cursor.execute(
            """UPDATE notifications_notification n SET status = 'skipped', error = 'Not written to: ' || s.source
               FROM notifications_suppression s
               WHERE n.status = 'queued' AND n.due_at <= statement_timestamp()
                 AND s.channel = n.channel AND s.address = n.address"""
        )
