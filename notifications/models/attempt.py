"""Attempts: each try to send a notification."""

from __future__ import annotations

from django.db import models

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
