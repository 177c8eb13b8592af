"""Record and report which channels are not in use. The settings decide; the rows remember since when."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from django.db import transaction
from django.db.models.functions import Now

from notifications.channels import channels_in_use, off_reasons
from notifications.models import Channel, Notification, OffPeriod

BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

log = logging.getLogger(__name__)


@transaction.atomic
def record_off_periods() -> None:
    """Begin and end the periods in which channels are not in use. Call this whenever a worker starts."""
    reasons = off_reasons()
    open_periods = OffPeriod.objects.filter(until=None)
    open_periods.exclude(channel__in=reasons).update(until=Now())
    known = set(open_periods.values_list("channel", flat=True))
    OffPeriod.objects.bulk_create(
        [
            OffPeriod(channel=channel, reason=reason, since=_since(channel))
            for channel, reason in reasons.items()
            if channel not in known
        ],
        ignore_conflicts=True,  # another worker starts at the same time
    )


def log_channels_off() -> None:
    """Log each channel that is not in use, and an error if there is no other."""
    for channel, reason in off_reasons().items():
        log.warning("%s %s, so no messages are queued for it.", channel.label, reason)
    if not channels_in_use():
        log.error("No channel is in use. Customers get no messages at all. To set up a provider, see .env.example.")


def _since(channel: Channel) -> datetime | Now:
    # A channel without any message was never in use, not only since this worker started.
    return Now() if Notification.objects.filter(channel=channel).exists() else BEGINNING
