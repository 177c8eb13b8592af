"""Inbound messages: replies from customers."""

from __future__ import annotations

from django.db import models

from notifications.models.channel import Channel


class InboundMessage(models.Model):
    """A reply from a customer, stored once however often the provider delivers it."""

    class OptOut(models.TextChoices):
        NONE = "", "None"
        STOP = "STOP", "Stop"
        START = "START", "Start"
        HELP = "HELP", "Help"

    provider_id = models.CharField(max_length=200, unique=True)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    address = models.CharField(max_length=254)
    body = models.TextField(blank=True)
    opt_out = models.CharField(max_length=8, blank=True, db_default="", choices=OptOut.choices)
    fields = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-received_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.address}: {self.body[:40]}"
