"""The periods in which a channel is not in use."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from notifications.models.channel import Channel


class OffPeriod(models.Model):
    """A period in which no messages are written for a channel, because it is switched off or not configured.

    ``until`` is empty while the channel is off. The invariants need no messages on the channel in that time.
    """

    channel = models.CharField(max_length=10, choices=Channel.choices)
    reason = models.CharField(max_length=250)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-since", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_open_off_period_per_channel",
                fields=["channel"],
                condition=Q(until__isnull=True),
                violation_error_message="This channel is already switched off.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()} {self.reason}"
