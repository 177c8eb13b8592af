"""Claim due notifications: lease them to a worker and write their attempt rows, in one statement."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection, transaction

from notifications.delivery.budget import over_budget
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import Notification
from notifications.providers.base import OutgoingMessage, ProviderRejected

Status = Notification.Status


def claim_due_notifications(*, room: int, in_flight: Mapping[str, int], worker: str) -> list[OutgoingMessage]:
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
            (OutgoingMessage(id, token, attempts, Notification.Channel(channel), address, subject, body), is_first)
            for id, token, attempts, channel, address, subject, body, is_first in cursor.fetchall()
        ]
        refused = over_budget([message for message, is_first in claimed if is_first])
        record_outcomes(
            [Outcome(message, Status.SKIPPED, error=ProviderRejected(why)) for message, why in refused.items()]
        )
        return [message for message, _ in claimed if message not in refused]
