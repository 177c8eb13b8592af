"""The rate control state of each channel."""

from __future__ import annotations

from django.db import models

from notifications.models.notification import Notification


class ChannelState(models.Model):
    """The pace of one channel, which all drains share. ``limit``: how many messages may be in flight at once."""

    channel = models.CharField(max_length=10, choices=Notification.Channel.choices, primary_key=True)
    limit = models.PositiveIntegerField()
    slowed_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=250, blank=True)

    def __str__(self) -> str:
        return self.get_channel_display()
