"""Rate control: how many messages of a channel may be in flight.

Additive increase, multiplicative decrease, as in TCP: the limit grows in steps, and halves when the provider limits our
rate, so all lanes together settle just below what the provider allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from notifications.delivery.send_attempt import CHANNEL_PAUSE_SECONDS, Outcome
from notifications.models import Channel, ChannelState
from notifications.providers.base import ChannelBroken, ChannelNotReady

STEP = 10
GROWTH_DELAY_SECONDS = 2.0  # after a decrease

RAISE_LIMITS = """
    UPDATE notifications_channelstate SET "limit" = least(%(max_in_flight)s, "limit" + %(step)s)
    WHERE "limit" <> %(max_in_flight)s AND (paused_until IS NULL OR paused_until < clock_timestamp())
      AND (slowed_at IS NULL OR slowed_at < clock_timestamp() - make_interval(secs => %(delay)s))
"""

# At most once a second: a batch of refusals is one signal.
HALVE_LIMITS = """
    UPDATE notifications_channelstate SET "limit" = greatest(1, "limit" / 2), slowed_at = clock_timestamp()
    WHERE channel = ANY(%s) AND (slowed_at IS NULL OR slowed_at < clock_timestamp() - interval '1 second')
"""


def max_in_flight() -> int:
    """Return how many messages all lanes together can have in flight."""
    return int(settings.LANE_CONCURRENCY * settings.DELIVERY_LANES)


def prepare_channels() -> None:
    """Create the missing channel states, each at the full limit."""
    states = [ChannelState(channel=channel, limit=max_in_flight()) for channel in Channel]
    ChannelState.objects.bulk_create(states, ignore_conflicts=True)


def raise_limits() -> None:
    """Raise the limit of each channel by a step, unless it is paused or its provider has just limited our rate."""
    with connection.cursor() as cursor:
        cursor.execute(RAISE_LIMITS, {"max_in_flight": max_in_flight(), "step": STEP, "delay": GROWTH_DELAY_SECONDS})


def lower_limits(outcomes: Iterable[Outcome]) -> None:
    """Halve the limit of each channel whose provider limited our rate, and pause each that is broken."""
    errors = [(outcome.message.channel, outcome.error) for outcome in outcomes]
    slowed = {channel for channel, error in errors if isinstance(error, ChannelNotReady)}
    broken = {channel: error for channel, error in errors if isinstance(error, ChannelBroken)}
    if slowed:
        with connection.cursor() as cursor:
            cursor.execute(HALVE_LIMITS, [list(slowed)])
    for channel, error in broken.items():
        # After the pause, one message at a time tests whether the credentials are correct again.
        ChannelState.objects.filter(channel=channel).update(
            paused_until=Now() + timedelta(seconds=CHANNEL_PAUSE_SECONDS), pause_reason=str(error)[:250], limit=1
        )
