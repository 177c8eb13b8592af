"""Claim due notifications: lease them to a worker and insert their attempts, in one statement."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection, transaction

from notifications.channels import channels_in_use
from notifications.delivery.budget import count_against_budgets
from notifications.delivery.planned import prepare_planned
from notifications.delivery.rate_control import lane_room, max_in_flight, start_limit
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.messages.kinds import KINDS, MessageKind
from notifications.models import Channel, Notification
from notifications.providers.base import OutgoingMessage, ProviderRejected

# Whether a message must wait: another one of its booking and channel is in flight or has an unknown outcome, or an
# earlier one is still to be sent. An expired or suppressed one counts until it is marked so, within a second: if its
# expiry decided here, two lanes could decide differently. One that was superseded, or is on hold, delays nothing.
IS_WAITING_FOR_ANOTHER = """
    EXISTS (SELECT FROM notifications_notification other
            WHERE other.booking_id = n.booking_id AND other.channel = n.channel AND other.id <> n.id
              AND (other.status IN ('sending', 'unknown')
                   OR other.status = 'queued' AND other.superseded_at IS NULL
                      AND (other.planned_at, other.created_at, other.id) < (n.planned_at, n.created_at, n.id)))
"""

CLAIM = f"""
    WITH probes AS (  -- for each paused channel after its backoff, a random message, because one may fail every time
        UPDATE notifications_channelstate c SET paused_until = clock_timestamp() + make_interval(secs => %(lease)s)
        FROM (SELECT paused.channel, (
                  SELECT id FROM (SELECT n.id FROM notifications_notification n
                                  WHERE n.status = 'queued' AND n.channel = paused.channel
                                    AND n.due_at <= statement_timestamp() AND n.superseded_at IS NULL
                                    AND (n.expires_at IS NULL OR n.expires_at > statement_timestamp())
                                    AND NOT {IS_WAITING_FOR_ANOTHER}
                                  ORDER BY n.due_at LIMIT 100) AS oldest ORDER BY random() LIMIT 1) AS id
              FROM notifications_channelstate paused
              WHERE paused.channel = ANY(%(channels)s)
                AND paused.paused_since IS NOT NULL AND paused.paused_until <= statement_timestamp()
              FOR UPDATE SKIP LOCKED) AS probe
        WHERE c.channel = probe.channel AND probe.id IS NOT NULL
        RETURNING c.channel, probe.id),
    channels AS (  -- the channels that are not paused, with the number of messages that this lane may start, and probes
        SELECT spec.channel, NULL::uuid AS probe_id,
               greatest(0, least(spec.room, free / %(lanes)s + (%(lane)s < free %% %(lanes)s)::int)) AS room
        FROM unnest(%(channels)s::text[], %(rooms)s::int[], %(caps)s::int[], %(start_limits)s::int[])
             AS spec (channel, room, cap, start_limit)
        LEFT JOIN notifications_channelstate c ON c.channel = spec.channel
        CROSS JOIN LATERAL (SELECT least(spec.cap, coalesce(c."limit", spec.start_limit)) AS in_flight) AS allowed
        CROSS JOIN LATERAL (  -- NULL where only the senders limit the channel: nothing to count
            SELECT CASE WHEN allowed.in_flight < %(max_in_flight)s THEN allowed.in_flight - (
                SELECT count(*) FROM notifications_notification n
                WHERE n.status = 'sending' AND n.channel = spec.channel) END AS free) AS remaining
        WHERE c.paused_since IS NULL AND (c.paused_until IS NULL OR c.paused_until <= statement_timestamp())
        UNION ALL SELECT channel, id, 1 FROM probes),
    due AS MATERIALIZED (  -- the oldest due notifications of each channel, except those that another lane has locked
        SELECT next.id FROM channels CROSS JOIN LATERAL (
            SELECT n.id, n.due_at FROM notifications_notification n
            WHERE n.status = 'queued' AND n.channel = channels.channel AND n.due_at <= statement_timestamp()
              AND n.superseded_at IS NULL AND (n.expires_at IS NULL OR n.expires_at > statement_timestamp())
              AND (channels.probe_id IS NULL OR n.id = channels.probe_id)
              AND NOT EXISTS (SELECT FROM notifications_suppression s
                              WHERE s.channel = n.channel AND s.address = n.address)
              AND NOT {IS_WAITING_FOR_ANOTHER}
            ORDER BY n.due_at LIMIT channels.room FOR UPDATE OF n SKIP LOCKED) AS next
        ORDER BY channels.probe_id, next.due_at LIMIT %(room)s),
    claimed AS (  -- lease them
        UPDATE notifications_notification n
        SET status = 'sending', lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
            lease_token = gen_random_uuid(), attempts = attempts + 1
        FROM due WHERE n.id = due.id
        RETURNING n.id, n.lease_token, n.attempts, n.channel, n.address, n.subject, n.body, n.kind),
    attempts AS (  -- insert an attempt for each, with the lease token as its id
        INSERT INTO notifications_attempt
            (id, notification_id, number, worker, started_at, phase, outcome, error_code, detail)
        SELECT lease_token, id, (SELECT count(*) + 1 FROM notifications_attempt WHERE notification_id = c.id),
               %(worker)s, clock_timestamp(), '', '', '', '' FROM claimed c
        RETURNING id, number)
    SELECT claimed.*, attempts.number = 1, CASE WHEN attempts.number = 1 THEN 0 ELSE (
            SELECT count(*) - claimed.attempts + 1 FROM notifications_attempt a, notifications_channelstate c
            WHERE a.notification_id = claimed.id AND c.channel = claimed.channel AND a.started_at < c.recovered_at) END
    FROM claimed JOIN attempts ON attempts.id = claimed.lease_token
"""  # noqa: S608 - constants


def claim_due_notifications(
    *, room: int, in_flight: Mapping[str, int], worker: str, lane: int = 0
) -> list[OutgoingMessage]:
    """Lease up to ``room`` due notifications to ``worker`` and insert their attempts; committed on return.

    ``in_flight`` is the number of messages that this process is already sending, by channel. The lanes share equally
    what the channel's limit leaves. Notifications that are expired, on a paused channel, on a channel that is not in
    use, or to a suppressed address are left out, except a paused channel's probe, and so are those that wait for
    another one of their booking and channel. Those over a daily budget become ``skipped``.
    """
    channels = list(channels_in_use())
    parameters = {
        "room": room,
        "lane": lane,
        "lanes": settings.DELIVERY_LANES,
        "max_in_flight": settings.LANE_CONCURRENCY * settings.DELIVERY_LANES,
        "channels": channels,
        "rooms": [lane_room(channel, in_flight) for channel in channels],
        "caps": [max_in_flight(channel) for channel in channels],
        "start_limits": [start_limit(channel) for channel in channels],
        "lease": settings.SEND_LEASE_SECONDS,
        "worker": worker,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CLAIM, parameters)
        claimed, planned_ids, first_attempt_ids = [], set(), set()
        for id, token, attempts, channel, address, subject, body, kind, is_first, faults in cursor.fetchall():
            claimed.append(OutgoingMessage(id, token, attempts, Channel(channel), address, subject, body, faults))
            if KINDS[MessageKind(kind)].is_rendered_when_sent:
                planned_ids.add(id)
            if is_first:
                first_attempt_ids.add(id)
        messages, outcomes = prepare_planned(claimed, planned_ids)
        reasons = count_against_budgets([message for message in messages if message.id in first_attempt_ids])
        for message, reason in reasons.items():
            outcomes.append(Outcome(message, Notification.Status.SKIPPED, error=ProviderRejected(reason)))
        record_outcomes(outcomes)
    return [message for message in messages if message not in reasons]
