"""Rate control: how many messages of a channel may be in flight.

Additive increase, multiplicative decrease, as in TCP: the limit doubles until the provider first limits our rate (slow
start), and then grows in steps. It halves when the provider limits our rate (pauses.py), so all lanes together settle
just below what the provider allows. It grows only while it is used: an idle system must not allow a burst that the
provider has never seen.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection

from notifications.models import Channel, ChannelState

# Mail servers limit the connections of a client: Postfix to 50, hosting companies often to 5 or 10.
START_LIMITS = {Channel.EMAIL: 20}
STEPS = {Channel.EMAIL: 1}
DEFAULT_STEP = 10
GROWTH_DELAY_SECONDS = 2.0  # after a decrease

RAISE_LIMITS = """
    WITH growing AS (
        SELECT c.channel, cap, step
        FROM notifications_channelstate c
        JOIN unnest(%(channels)s::text[], %(caps)s::int[], %(steps)s::int[]) AS spec (channel, cap, step)
          ON spec.channel = c.channel
        WHERE c."limit" < cap AND c.failures = 0
          AND (c.slowed_at IS NULL OR c.slowed_at < clock_timestamp() - make_interval(secs => %(delay)s))
          AND c."limit" <= 2 * (SELECT count(*) FROM notifications_notification n
                                WHERE n.status = 'sending' AND n.channel = c.channel)
        FOR UPDATE OF c SKIP LOCKED)
    UPDATE notifications_channelstate c
    SET "limit" = least(cap, CASE WHEN c.slowed_at IS NULL THEN c."limit" * 2 ELSE c."limit" + step END)
    FROM growing WHERE c.channel = growing.channel
"""


def max_in_flight(channel: Channel) -> int:
    """Return how many messages of the channel all lanes together can have in flight."""
    everything = int(settings.LANE_CONCURRENCY * settings.DELIVERY_LANES)
    if channel == Channel.EMAIL and settings.EMAIL_MAX_CONNECTIONS:
        return min(everything, int(settings.EMAIL_MAX_CONNECTIONS))
    return everything


def start_limit(channel: Channel) -> int:
    """Return the limit that a channel starts with."""
    return min(max_in_flight(channel), START_LIMITS.get(channel, max_in_flight(channel)))


def prepare_channels() -> None:
    """Create the missing channel states, and lower the limits that are above what the settings allow."""
    create_channel_states()
    for channel in Channel:
        cap = max_in_flight(channel)
        ChannelState.objects.filter(channel=channel, limit__gt=cap).update(limit=cap)


def create_channel_states() -> None:
    """Create the missing channel states."""
    states = [ChannelState(channel=channel, limit=start_limit(channel)) for channel in Channel]
    ChannelState.objects.bulk_create(states, ignore_conflicts=True)


def raise_limits() -> None:
    """Raise the limit of each channel that uses it, unless it has just failed or its provider limited our rate."""
    channels = list(Channel)
    parameters: dict[str, Any] = {
        "channels": channels,
        "caps": [max_in_flight(channel) for channel in channels],
        "steps": [STEPS.get(channel, DEFAULT_STEP) for channel in channels],
        "delay": GROWTH_DELAY_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(RAISE_LIMITS, parameters)
