"""Allowances: how many messages of each channel a lane may claim now; of a paused channel only one, the probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.db.models.functions import Now

from notifications.channels import channels_in_use
from notifications.delivery.claimable import IS_CLAIMABLE
from notifications.delivery.rate_control import max_in_flight, start_limit
from notifications.models import Channel, ChannelState, Notification

RESERVED_SHARE = 6  # each channel has a sixth of a lane's senders to itself

# The one whose last fault of the channel is the longest ago, if any: a few messages may meet one every time.
NEXT_PROBE = f"""
    SELECT n.id FROM (
        SELECT * FROM notifications_notification
        WHERE channel = %s AND status = 'queued' AND due_at <= statement_timestamp() AND superseded_at IS NULL
        ORDER BY channel_fault_at NULLS FIRST, due_at LIMIT 1000) AS n
    WHERE {IS_CLAIMABLE} ORDER BY n.channel_fault_at NULLS FIRST, n.due_at LIMIT 1
"""  # noqa: S608 - constants


@dataclass(frozen=True)
class Allowance:
    """How many messages of a channel may be claimed; ``probe_id``: only this one."""

    channel: Channel
    count: int
    probe_id: UUID | None = None


def lane_allowances(lane: int, in_flight: Mapping[str, int]) -> list[Allowance]:
    """Return the allowance of each channel in use. Call it in the transaction that claims.

    ``in_flight`` is the number of messages that this process is sending, by channel. Channels that wait for the end of
    a backoff are left out, and so are paused ones without a probe.
    """
    states = ChannelState.objects.in_bulk()
    backing_off = set(ChannelState.objects.filter(paused_until__gt=Now()).values_list("channel", flat=True))
    sending = Notification.objects.filter(status=Notification.Status.SENDING)
    sending_by_channel = dict(sending.values_list("channel").annotate(Count("pk")))
    allowances = []
    for channel in sorted(channels_in_use()):  # all lanes lock the states of the channels in this order
        state = states.get(channel)
        if channel in backing_off:
            continue
        if state and state.paused_since:
            if probe_id := _choose_probe(channel):
                allowances.append(Allowance(channel, 1, probe_id))
        else:
            limit = min(max_in_flight(channel), state.limit if state else start_limit(channel))
            count = _free_senders(channel, in_flight)
            if limit < settings.LANE_CONCURRENCY * settings.DELIVERY_LANES:  # otherwise only the senders limit it
                count = min(count, _share(limit - sending_by_channel.get(channel, 0), lane))
            allowances.append(Allowance(channel, count))
    return allowances


def _choose_probe(channel: Channel) -> UUID | None:
    """Return a message to test the paused channel with, to one lane only: the next backoff begins."""
    states = ChannelState.objects.filter(channel=channel, paused_since__isnull=False, paused_until__lte=Now())
    if not states.select_for_update(skip_locked=True):
        return None
    with connection.cursor() as cursor:
        cursor.execute(NEXT_PROBE, [channel])
        row = cursor.fetchone()
    if row is None:
        return None
    states.update(paused_until=Now() + timedelta(seconds=settings.SEND_LEASE_SECONDS))
    probe_id: UUID = row[0]
    return probe_id


def _share(free: int, lane: int) -> int:
    """Return the lane's share of what the limit of a channel leaves."""
    lanes: int = settings.DELIVERY_LANES
    return max(0, free // lanes + (lane < free % lanes))


def _free_senders(channel: Channel, in_flight: Mapping[str, int]) -> int:
    """Return how many senders of this process the channel may use. Every other channel keeps a reserve: a mail server
    that takes minutes to respond must not delay SMS."""
    reserve = settings.LANE_CONCURRENCY // RESERVED_SHARE
    used_by_others = sum(max(reserve, in_flight.get(other, 0)) for other in Channel if other != channel)
    return max(0, int(settings.LANE_CONCURRENCY - in_flight.get(channel, 0) - used_by_others))
