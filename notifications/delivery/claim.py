"""Claim due notifications: lease them to a worker and insert their attempts, in one statement."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection, transaction

from bookings.models import Customer
from notifications.channels import CHANNELS
from notifications.delivery.allowance import lane_allowances
from notifications.delivery.budget import count_against_budgets
from notifications.delivery.claimable import IS_CLAIMABLE
from notifications.delivery.planned import prepare_planned
from notifications.delivery.readdress import readdress
from notifications.delivery.record import record_outcomes
from notifications.delivery.send_attempt import Outcome
from notifications.messages.kinds import KINDS, MessageKind
from notifications.models import Channel, Notification
from notifications.providers.base import OutgoingMessage, ProviderRejected

CLAIM = f"""
    WITH due AS MATERIALIZED (  -- the oldest of each channel, except those that another lane has locked
        SELECT next.id
        FROM unnest(%(channels)s::text[], %(counts)s::int[], %(probe_ids)s::uuid[])
             AS allowed (channel, count, probe_id)
        CROSS JOIN LATERAL (
            SELECT n.id, n.due_at FROM notifications_notification n
            WHERE n.channel = allowed.channel AND {IS_CLAIMABLE}
              AND (allowed.probe_id IS NULL OR n.id = allowed.probe_id)
            ORDER BY n.due_at LIMIT allowed.count FOR UPDATE OF n SKIP LOCKED) AS next
        ORDER BY allowed.probe_id, next.due_at LIMIT %(room)s),
    claimed AS (  -- lease them
        UPDATE notifications_notification n
        SET status = 'sending', lease_until = clock_timestamp() + make_interval(secs => %(lease)s),
            lease_token = gen_random_uuid(), attempts = attempts + 1, channel_fault_at = NULL,
            channel_faults = channel_faults + (SELECT count(*) FROM notifications_channelstate c
                                               WHERE c.channel = n.channel AND c.recovered_at > n.channel_fault_at)
        FROM due WHERE n.id = due.id
        RETURNING n.id, n.lease_token, n.attempts, n.channel, n.address, n.subject, n.body, n.channel_faults, n.kind,
                  n.booking_id),
    attempts AS (  -- insert an attempt for each, with the lease token as its id
        INSERT INTO notifications_attempt
            (id, notification_id, address, number, worker, started_at, phase, outcome, error_code, detail)
        SELECT lease_token, id, address, (SELECT count(*) + 1 FROM notifications_attempt WHERE notification_id = c.id),
               %(worker)s, clock_timestamp(), '', '', '', '' FROM claimed c
        RETURNING id, number)
    SELECT claimed.id, claimed.lease_token, claimed.attempts, claimed.channel, claimed.address, claimed.subject,
           claimed.body, claimed.channel_faults, claimed.kind, attempts.number = 1, customer.phone, customer.email
    FROM claimed JOIN attempts ON attempts.id = claimed.lease_token
    JOIN bookings_booking booking ON booking.id = claimed.booking_id
    JOIN bookings_customer customer ON customer.id = booking.customer_id
"""  # noqa: S608 - constants


def claim_due_notifications(
    *, room: int, in_flight: Mapping[str, int], worker: str, lane: int = 0
) -> list[OutgoingMessage]:
    """Lease up to ``room`` due notifications to ``worker`` and insert their attempts; committed on return.

    ``in_flight`` is the number of messages that this process is already sending, by channel. Notifications that are
    expired, to a suppressed address, on a channel that is not in use, or wait for another one of their booking and
    channel are left out, and so are those on a paused channel, except its probe. Those over a daily budget become
    ``skipped``.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        allowances = lane_allowances(lane, in_flight)
        cursor.execute(
            CLAIM,
            {
                "channels": [allowance.channel for allowance in allowances],
                "counts": [allowance.count for allowance in allowances],
                "probe_ids": [allowance.probe_id for allowance in allowances],
                "room": room,
                "lease": settings.SEND_LEASE_SECONDS,
                "worker": worker,
            },
        )
        claimed, current_addresses, planned_ids, first_attempt_ids = [], {}, set(), set()
        for id, token, attempts, channel, address, subject, body, faults, kind, is_first, *contact in cursor.fetchall():
            claimed.append(OutgoingMessage(id, token, attempts, Channel(channel), address, subject, body, faults))
            current_addresses[id] = CHANNELS[Channel(channel)].address_of(Customer(phone=contact[0], email=contact[1]))
            if KINDS[MessageKind(kind)].is_rendered_when_sent:
                planned_ids.add(id)
            if is_first:
                first_attempt_ids.add(id)
        readdressed, unreachable = readdress(claimed, current_addresses)
        messages, outcomes = prepare_planned(readdressed, planned_ids)
        outcomes += unreachable
        reasons = count_against_budgets([message for message in messages if message.id in first_attempt_ids])
        for message, reason in reasons.items():
            outcomes.append(Outcome(message, Notification.Status.SKIPPED, error=ProviderRejected(reason)))
        record_outcomes(outcomes)
    return [message for message in messages if message not in reasons]
