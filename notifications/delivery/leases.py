"""Renew leases, take back expired ones, and expire or skip queued notifications that must no longer be sent."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection

from notifications.channels import CHANNELS

# Rows are locked in the order of their ids, so that transactions that wait for each other's rows cannot deadlock.
SET_LEASES = """
    WITH leased AS (
        SELECT n.id FROM notifications_notification n JOIN notifications_attempt a ON a.id = n.lease_token
        WHERE a.id = ANY(%(attempts)s::uuid[]) AND n.status = 'sending'
        ORDER BY n.id FOR NO KEY UPDATE OF n)
    UPDATE notifications_notification n SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
    FROM leased WHERE n.id = leased.id
"""

TAKE_BACK_EXPIRED_LEASES = """
    WITH expired AS (  -- the notifications whose sender died, and whether it died before the hand-over
        SELECT n.id, n.lease_token AS token, n.channel = ANY(%(with_hand_over)s) AND a.phase = '' AS is_unsent
        FROM notifications_notification n JOIN notifications_attempt a ON a.id = n.lease_token
        WHERE n.status = 'sending' AND n.lease_until < clock_timestamp() FOR UPDATE OF n, a SKIP LOCKED),
    taken_back AS (
        UPDATE notifications_notification n
        SET status = CASE WHEN is_unsent THEN 'queued' ELSE 'unknown' END,
            lease_until = NULL, lease_token = NULL, attempts = attempts - is_unsent::int,
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
    WITH expired AS (
        SELECT id FROM notifications_notification
        WHERE status = 'queued' AND due_at <= statement_timestamp() AND expires_at <= statement_timestamp()
        FOR UPDATE SKIP LOCKED)
    UPDATE notifications_notification n SET status = 'expired', error = 'It expired before it could be sent.'
    FROM expired WHERE n.id = expired.id
"""

# Messages that were in flight when a change made them outdated, and have returned to be sent or decided about.
SUPERSEDE_RETURNED = """
    WITH returned AS (
        SELECT id FROM notifications_notification WHERE status IN ('queued', 'held') AND superseded_at IS NOT NULL
        FOR UPDATE SKIP LOCKED)
    UPDATE notifications_notification n SET status = 'superseded', error = 'A later change made it outdated.'
    FROM returned WHERE n.id = returned.id
"""

SKIP_SUPPRESSED = """
    WITH suppressed AS (
        SELECT n.id, s.source FROM notifications_notification n
        JOIN notifications_suppression s ON s.channel = n.channel AND s.address = n.address
        WHERE n.status = 'queued' AND n.due_at <= statement_timestamp()
        FOR UPDATE OF n SKIP LOCKED)
    UPDATE notifications_notification n SET status = 'skipped', error = 'Suppressed address: ' || suppressed.source
    FROM suppressed WHERE n.id = suppressed.id
"""


def renew_leases(attempt_ids: Sequence[UUID]) -> None:
    """Extend the leases of these attempts, which are still in progress."""
    _set_leases(attempt_ids, seconds=settings.SEND_LEASE_SECONDS)


def expire_leases(attempt_ids: Sequence[UUID]) -> None:
    """End the leases of these attempts now, and take them back."""
    _set_leases(attempt_ids, seconds=0)
    take_back_expired_leases()


def _set_leases(attempt_ids: Sequence[UUID], *, seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET_LEASES, {"attempts": [str(id) for id in attempt_ids], "seconds": seconds})


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
