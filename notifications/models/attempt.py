"""Attempts to send notifications."""

from __future__ import annotations

from django.db import models

from notifications.models.notification import Notification


class Attempt(models.Model):
    """An attempt to send a notification; append-only except for its phase and outcome. Its id is the lease token."""

    class Phase(models.TextChoices):
        BEFORE_HAND_OVER = "", "Before the hand-over"
        HAND_OVER = "handover", "Hand-over begun"

    id = models.UUIDField(primary_key=True)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="attempt_log")
    address = models.CharField(max_length=254, db_default="")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    phase = models.CharField(max_length=12, blank=True, choices=Phase.choices)
    outcome = models.CharField(max_length=12, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    error_code = models.CharField(max_length=20, blank=True)
    detail = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["notification", "number"]

    def __str__(self) -> str:
        return f"Attempt {self.number}: {self.outcome or 'in progress'}"
