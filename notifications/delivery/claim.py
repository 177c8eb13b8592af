"""Claim due notifications: lease them to a worker and insert their attempts, in one statement."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection, transaction

from notifications.delivery.budget import count_against_budgets
from notifications.delivery.rate_control import max_in_flight
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.models import Channel, Notification
from notifications.providers.base import OutgoingMessage, ProviderRejected

CLAIM = """
    WITH channels AS (  -- the channels that are not paused, with the number of messages that this lane may start
        SELECT lane.channel,
               greatest(0, least(%(room)s, greatest(1, coalesce(c."limit", %(max_in_flight)s) / %(lanes)s)
                                           - lane.in_flight)) AS room
        FROM unnest(%(channels)s::text[], %(in_flight)s::int[]) AS lane (channel, in_flight)
        LEFT JOIN notifications_channelstate c ON c.channel = lane.channel
        WHERE c.paused_until IS NULL OR c.paused_until <= statement_timestamp()),
    due AS MATERIALIZED (  -- the oldest due notifications of each channel, except those that another lane has locked
        SELECT next.id FROM channels CROSS JOIN LATERAL (
            SELECT n.id, n.due_at FROM notifications_notification n
            WHERE n.status = 'queued' AND n.channel = channels.channel AND n.due_at <= statement_timestamp()
              AND n.superseded_at IS NULL AND (n.expires_at IS NULL OR n.expires_at > statement_timestamp())
              AND NOT EXISTS (SELECT FROM notifications_suppression s
                              WHERE s.channel = n.channel AND s.address = n.address)
            ORDER BY n.due_at LIMIT channels.room FOR UPDATE OF n SKIP LOCKED) AS next
        ORDER BY next.due_at LIMIT %(room)s),
    claimed AS (  -- lease them
        UPDATE notifications_notification n
        SET status = 'sending', lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
            lease_token = gen_random_uuid(), attempts = attempts + 1
        FROM due WHERE n.id = due.id
        RETURNING n.id, n.lease_token, n.attempts, n.channel, n.address, n.subject, n.body),
    attempts AS (  -- insert an attempt for each, with the lease token as its id
        INSERT INTO notifications_attempt
            (id, notification_id, number, worker, started_at, phase, outcome, error_code, detail)
        SELECT lease_token, id, (SELECT count(*) + 1 FROM notifications_attempt WHERE notification_id = c.id),
               %(worker)s, clock_timestamp(), '', '', '', '' FROM claimed c
        RETURNING id, number)
    SELECT claimed.*, attempts.number = 1 FROM claimed JOIN attempts ON attempts.id = claimed.lease_token
"""


def claim_due_notifications(*, room: int, in_flight: Mapping[str, int], worker: str) -> list[OutgoingMessage]:
    """Lease up to ``room`` due notifications to ``worker`` and insert their attempts; committed on return.

    ``in_flight`` is the number of messages that this lane is already sending, by channel: the lanes share each
    channel's limit equally. Notifications that are expired, on a paused channel or to a suppressed address are left
    out. Those over a daily budget become ``skipped``.
    """
    channels = list(Channel)
    parameters = {
        "room": room,
        "max_in_flight": max_in_flight(),
        "lanes": settings.DELIVERY_LANES,
        "channels": channels,
        "in_flight": [in_flight.get(channel, 0) for channel in channels],
        "lease": settings.SEND_LEASE_SECONDS,
        "worker": worker,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        messages, first_attempts = [], []
        for id, token, attempts, channel, address, subject, body, is_first in cursor.fetchall():
            message = OutgoingMessage(id, token, attempts, Channel(channel), address, subject, body)
            messages.append(message)
            if is_first:
                first_attempts.append(message)
        reasons = count_against_budgets(first_attempts)
        record_outcomes(
            [
                Outcome(message, Notification.Status.SKIPPED, error=ProviderRejected(reason))
                for message, reason in reasons.items()
            ]
        )
    return [message for message in messages if message not in reasons]
