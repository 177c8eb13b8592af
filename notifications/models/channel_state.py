"""The rate control state of each channel."""

from __future__ import annotations

from django.db import models

from notifications.models.channel import Channel


class ChannelState(models.Model):
    """The rate control of a channel, shared by all lanes. ``limit``: how many messages may be in flight."""

    channel = models.CharField(max_length=10, choices=Channel.choices, primary_key=True)
    limit = models.PositiveIntegerField()
    slowed_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=250, blank=True)

    def __str__(self) -> str:
        return self.get_channel_display()
