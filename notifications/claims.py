"""The SQL of the claim → send → record loop. One statement each, on the database's clock."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from psycopg2.extras import execute_values

from notifications.budget import over_budget
from notifications.delivery import Outcome
from notifications.models import Notification
from notifications.pace import slow_down
from notifications.providers.base import Outgoing, Rejected
from notifications.suppressions import suppress_refused

Status = Notification.Status


def claim_due(*, room: int, in_flight: Mapping[str, int], worker: str) -> list[Outgoing]:
    """Lease up to ``room`` due notifications to ``worker`` and write their attempt rows; committed on return.

    ``in_flight``: what this drain is sending already, by channel; the channels' limits are shared out among the drains.
    A paused channel, a message that has expired and an address that is suppressed are passed over. What is beyond the
    day's budget is skipped.
    """
    channels = list(Notification.Channel)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH ways AS (
                SELECT mine.channel,
                       greatest(0, least(%(room)s, greatest(1, coalesce(c."limit", %(most)s) / %(drains)s) - mine.busy))
                           AS places
                FROM unnest(%(channels)s::text[], %(busy)s::int[]) AS mine (channel, busy)
                LEFT JOIN notifications_channelstate c ON c.channel = mine.channel
                WHERE c.paused_until IS NULL OR c.paused_until <= statement_timestamp()),
            due AS MATERIALIZED (
                SELECT next.id FROM ways CROSS JOIN LATERAL (
                    SELECT n.id, n.due_at FROM notifications_notification n
                    WHERE n.status = 'queued' AND n.channel = ways.channel AND n.due_at <= statement_timestamp()
                      AND (n.expires_at IS NULL OR n.expires_at > statement_timestamp())
                      AND NOT EXISTS (SELECT FROM notifications_suppression s
                                      WHERE s.channel = n.channel AND s.address = n.address)
                    ORDER BY n.due_at LIMIT ways.places FOR UPDATE OF n SKIP LOCKED) AS next
                ORDER BY next.due_at LIMIT %(room)s),
            claimed AS (
                UPDATE notifications_notification n
                SET status = 'sending', lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
                    lease_token = gen_random_uuid(), attempts = attempts + 1
                FROM due WHERE n.id = due.id
                RETURNING n.id, n.lease_token, n.attempts, n.channel, n.address, n.subject, n.body),
            tried AS (
                INSERT INTO notifications_attempt
                    (id, notification_id, number, worker, started_at, phase, outcome, error_code, detail)
                SELECT lease_token, id, (SELECT count(*) + 1 FROM notifications_attempt WHERE notification_id = c.id),
                       %(worker)s, clock_timestamp(), '', '', '', '' FROM claimed c
                RETURNING id, number)
            SELECT claimed.*, tried.number = 1 FROM claimed JOIN tried ON tried.id = claimed.lease_token
            """,
            {
                "room": room,
                "most": settings.DRAIN_CONCURRENCY * settings.DRAIN_SLOTS,
                "drains": settings.DRAIN_SLOTS,
                "channels": channels,
                "busy": [in_flight.get(channel, 0) for channel in channels],
                "lease": settings.SEND_LEASE_SECONDS,
                "worker": worker,
            },
        )
        claimed = [
            (Outgoing(id, token, attempts, Notification.Channel(channel), address, subject, body), is_first)
            for id, token, attempts, channel, address, subject, body, is_first in cursor.fetchall()
        ]
        refused = over_budget([message for message, is_first in claimed if is_first])
        record([Outcome(message, Status.SKIPPED, error=Rejected(why)) for message, why in refused.items()])
        return [message for message, _ in claimed if message not in refused]


def record_handovers(attempt_ids: list[UUID]) -> set[UUID]:
    """Write that these tries are about to hand their text over; return those whose lease still holds.

    A try that is not returned must not go on: its message may belong to somebody else by now.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_attempt a SET phase = 'handover' FROM notifications_notification n
               WHERE a.id = ANY(%s::uuid[]) AND n.id = a.notification_id AND n.status = 'sending'
                 AND n.lease_token = a.id AND n.lease_until > clock_timestamp()
               RETURNING a.id""",
            [[str(id) for id in attempt_ids]],
        )
        return {id for (id,) in cursor.fetchall()}


def record(outcomes: list[Outcome]) -> int:
    """Write what the tries came to, and what follows for their channels and addresses; return how many rows moved.

    The lease token is the fence: a sender that comes back after its lease was taken away moves no row. The attempt
    keeps its outcome all the same, since it did happen.
    """
    if not outcomes:
        return 0
    rows = [_row(outcome) for outcome in outcomes]
    with transaction.atomic(), connection.cursor() as cursor:
        execute_values(cursor.cursor, _RECORD_ATTEMPTS, rows)
        moved = execute_values(cursor.cursor, _RECORD_NOTIFICATIONS, rows, fetch=True)
        slow_down(outcomes)
        suppress_refused(outcomes)
        return len(moved)


def _row(outcome: Outcome) -> tuple[object, ...]:
    answer = outcome.error or outcome.receipt
    return (
        str(outcome.message.id), str(outcome.message.attempt_id), outcome.status.value,
        outcome.receipt.provider_id if outcome.receipt else "", answer.http_status if answer else None,
        outcome.error.code[:20] if outcome.error else "", str(outcome.error or "")[:250],
        settings.LOOKUP_SETTLE_SECONDS if outcome.status == Notification.Status.UNKNOWN else outcome.again_in,
        int(not outcome.counts),
    )  # fmt: skip


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
        due_at = CASE WHEN v.status IN ('queued', 'unknown')
                      THEN clock_timestamp() + make_interval(secs => v.again_in) ELSE n.due_at END,
        unknown_since = CASE WHEN v.status = 'unknown' THEN clock_timestamp() ELSE n.unknown_since END,
        accepted_at = CASE WHEN v.status = 'accepted' THEN clock_timestamp() ELSE n.accepted_at END
    FROM (VALUES %s) AS v {_COLUMNS}
    WHERE n.id = v.id::uuid AND n.status = 'sending' AND n.lease_token = v.token::uuid
    RETURNING n.id
"""  # noqa: S608 - the columns are ours


def reap_lapsed_leases() -> int:
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


def put_aside_useless() -> None:
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
