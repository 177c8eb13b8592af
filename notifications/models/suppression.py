"""Suppressions: addresses that must not be contacted."""

from __future__ import annotations

from django.db import models

from notifications.models.channel import Channel


class Suppression(models.Model):
    """An address that must not be contacted on a channel."""

    class Reason(models.TextChoices):
        OPTED_OUT = "opted_out", "Opted out"
        UNREACHABLE = "unreachable", "The provider knows no such recipient"

    channel = models.CharField(max_length=10, choices=Channel.choices)
    address = models.CharField(max_length=254)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    source = models.CharField(max_length=120, help_text="The reply, or the provider's reason.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                name="one_suppression_per_address",
                fields=["channel", "address"],
                violation_error_message="This address is already suppressed on this channel.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.address} ({self.get_channel_display()})"
