"""How fast each channel may go: its limit grows by steps while all is well, and halves when the provider complains.

Additive increase, multiplicative decrease, as TCP does it: all drains together settle just below what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from notifications.delivery.send_attempt import PAUSE_SECONDS, Outcome
from notifications.models import ChannelState, Notification
from notifications.providers.base import ChannelBroken, ProviderRateLimited

STEP = 10
CALM_SECONDS = 2.0  # how long after a complaint the limit begins to grow again


def prepare_channels() -> None:
    """Make every channel's state exist, at full pace."""
    most = settings.DRAIN_CONCURRENCY * settings.DRAIN_SLOTS
    channels = [ChannelState(channel=channel, limit=most) for channel in Notification.Channel]
    ChannelState.objects.bulk_create(channels, ignore_conflicts=True)


def raise_limits() -> None:
    """Let every channel that nobody complained of lately have a little more."""
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_channelstate SET "limit" = least(%(most)s, "limit" + %(step)s)
               WHERE "limit" <> %(most)s AND (paused_until IS NULL OR paused_until < clock_timestamp())
                 AND (slowed_at IS NULL OR slowed_at < clock_timestamp() - make_interval(secs => %(calm)s))""",
            {"most": settings.DRAIN_CONCURRENCY * settings.DRAIN_SLOTS, "step": STEP, "calm": CALM_SECONDS},
        )


def lower_limits(outcomes: Iterable[Outcome]) -> None:
    """Halve the limit of each channel whose provider asked for it, and pause those that cannot send at all."""
    errors = [(outcome.message.channel, outcome.error) for outcome in outcomes]
    throttled = {channel for channel, error in errors if isinstance(error, ProviderRateLimited)}
    broken = {channel: error for channel, error in errors if isinstance(error, ChannelBroken)}
    if throttled:
        _halve(throttled)
    for channel, error in broken.items():
        # One probe at a time afterwards: whoever mends the credentials sees it work, and nobody is flooded.
        ChannelState.objects.filter(channel=channel).update(
            paused_until=Now() + timedelta(seconds=PAUSE_SECONDS), pause_reason=str(error)[:250], limit=1
        )


def _halve(channels: set[Notification.Channel]) -> None:
    # Once a second at most: a whole batch of refusals is one complaint.
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_channelstate SET "limit" = greatest(1, "limit" / 2), slowed_at = clock_timestamp()
               WHERE channel = ANY(%s)
                 AND (slowed_at IS NULL OR slowed_at < clock_timestamp() - interval '1 second')""",
            [list(channels)],
        )
