"""Delivery receipts: what a provider reported after accepting a notification."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from notifications.models.notification import Notification


class Receipt(models.Model):
    """A provider's report about a notification, stored as received. A lane applies it on its next pass."""

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
            models.UniqueConstraint(
                name="one_receipt_per_status",
                fields=["provider_id", "provider_status"],
                violation_error_message="This delivery receipt is already recorded.",
            )
        ]

    def __str__(self) -> str:
        return self.provider_status
