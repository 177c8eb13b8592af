"""Each try at telling somebody, and what came back. Append-only: the history is never rewritten."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from notifications.models.notification import Notification


class Attempt(models.Model):
    """One try at sending, append-only but for its outcome. Its id is the lease token that fences the result."""

    id = models.UUIDField(primary_key=True)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    worker = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    phase = models.CharField(max_length=12, blank=True, help_text="handover: the text was about to be handed over.")
    outcome = models.CharField(max_length=12, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    error_code = models.CharField(max_length=20, blank=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["notification", "number"]

    def __str__(self) -> str:
        return f"Try {self.number}: {self.outcome or 'under way'}"


class Receipt(models.Model):
    """What a provider reported about a message, kept as it came; applied by the next drain."""

    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="receipts")
    attempt_id = models.UUIDField()
    provider_id = models.CharField(max_length=200)
    provider_status = models.CharField(max_length=40)
    error_code = models.CharField(max_length=20, blank=True)
    fields = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["received_at", "pk"]
        indexes = [models.Index(fields=["id"], name="receipt_unapplied", condition=Q(applied_at__isnull=True))]
        constraints = [
            models.UniqueConstraint(name="one_receipt_per_status", fields=["provider_id", "provider_status"])
        ]

    def __str__(self) -> str:
        return self.provider_status


class InboundMessage(models.Model):
    """What somebody wrote back, kept once however often the provider delivers it."""

    provider_id = models.CharField(max_length=200, unique=True)
    channel = models.CharField(max_length=10, choices=Notification.Channel.choices)
    address = models.CharField(max_length=254)
    body = models.TextField(blank=True)
    fields = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-received_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.address}: {self.body[:40]}"
