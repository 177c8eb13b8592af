"""Take back expired leases, and expire or skip queued notifications that must no longer be sent."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from notifications.channels import CHANNELS

TAKE_BACK_EXPIRED_LEASES = """
    WITH expired AS (  -- the notifications whose sender died, and whether it died before the hand-over
        SELECT n.id, n.lease_token AS token, n.channel = ANY(%(with_hand_over)s) AND a.phase = '' AS is_unsent
        FROM notifications_notification n JOIN notifications_attempt a ON a.id = n.lease_token
        WHERE n.status = 'sending' AND n.lease_until < clock_timestamp() FOR UPDATE OF n, a SKIP LOCKED),
    taken_back AS (
        UPDATE notifications_notification n
        SET status = CASE WHEN is_unsent THEN 'queued' ELSE 'unknown' END,
            lease_until = NULL, lease_token = NULL,
            due_at = clock_timestamp() + make_interval(secs => CASE WHEN is_unsent THEN 0 ELSE %(settle)s END),
            unknown_since = CASE WHEN is_unsent THEN n.unknown_since ELSE clock_timestamp() END,
            error = CASE WHEN is_unsent THEN 'The worker stopped before sending it.'
                         ELSE 'The worker stopped while sending it: it may have been sent.' END
        FROM expired WHERE n.id = expired.id RETURNING token, n.status)
    UPDATE notifications_attempt a
    SET ended_at = clock_timestamp(), outcome = taken_back.status, detail = 'The worker stopped.'
    FROM taken_back WHERE a.id = taken_back.token AND a.ended_at IS NULL
"""

EXPIRE_DUE = """
    UPDATE notifications_notification SET status = 'expired', error = 'It expired before it could be sent.'
    WHERE status = 'queued' AND due_at <= statement_timestamp() AND expires_at <= statement_timestamp()
"""

# Messages that were in flight when a change made them outdated, and have returned to be sent or decided about.
SUPERSEDE_RETURNED = """
    UPDATE notifications_notification SET status = 'superseded', error = 'A later change made it outdated.'
    WHERE status IN ('queued', 'held') AND superseded_at IS NOT NULL
"""

SKIP_SUPPRESSED = """
    UPDATE notifications_notification n SET status = 'skipped', error = 'Suppressed address: ' || s.source
    FROM notifications_suppression s
    WHERE n.status = 'queued' AND n.due_at <= statement_timestamp()
      AND s.channel = n.channel AND s.address = n.address
"""


def take_back_expired_leases() -> int:
    """Take back the notifications that dead workers were sending; return how many.

    Their outcome becomes unknown: they may have been sent, so they are not simply queued again. The exception is a
    notification whose hand-over had not begun: ``record_hand_overs`` refuses it from now on, so it cannot have been
    sent and is queued again.
    """
    with_hand_over = [channel for channel, spec in CHANNELS.items() if spec.has_hand_over]
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE_BACK_EXPIRED_LEASES, {"with_hand_over": with_hand_over, "settle": settings.LOOKUP_SETTLE_SECONDS}
        )
        return int(cursor.rowcount)


def drop_undeliverable() -> None:
    """Expire the due notifications that are too late, supersede the outdated, skip those to a suppressed address."""
    with connection.cursor() as cursor:
        cursor.execute(SUPERSEDE_RETURNED)
        cursor.execute(EXPIRE_DUE)
        cursor.execute(SKIP_SUPPRESSED)
