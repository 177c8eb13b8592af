"""What is known about the ways out: who drains them, how fast each may go, and whom not to write to."""

from __future__ import annotations

from django.db import models

from notifications.models.notification import Notification


class Dispatcher(models.Model):
    """The heartbeat of a drain slot: who drains it, when it last said so, and when it was last woken."""

    slot = models.PositiveSmallIntegerField(primary_key=True)
    beat_at = models.DateTimeField(null=True)
    kicked_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return f"Slot {self.slot}"


class ChannelState(models.Model):
    """The pace of one channel, which all drains share. ``limit``: how many messages may be in flight at once."""

    channel = models.CharField(max_length=10, choices=Notification.Channel.choices, primary_key=True)
    limit = models.PositiveIntegerField()
    slowed_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    pause_reason = models.CharField(max_length=250, blank=True)

    def __str__(self) -> str:
        return self.get_channel_display()


class Suppression(models.Model):
    """An address that is not written to on a channel."""

    class Reason(models.TextChoices):
        OPTED_OUT = "opted_out", "Asked not to be written to"
        UNREACHABLE = "unreachable", "Cannot be reached: the provider knows no such recipient"

    channel = models.CharField(max_length=10, choices=Notification.Channel.choices)
    address = models.CharField(max_length=254)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    source = models.CharField(max_length=120, help_text="Who said so, and in which words or code.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(name="one_suppression_per_address", fields=["channel", "address"])]

    def __str__(self) -> str:
        return f"{self.address} ({self.get_channel_display()})"
