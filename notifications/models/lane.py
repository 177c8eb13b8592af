"""Lanes: the numbered delivery loops and their heartbeats."""

from __future__ import annotations

from django.db import models


class Lane(models.Model):
    """A numbered delivery loop: its last heartbeat, and when a job was last queued to restart it."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    beat_at = models.DateTimeField(null=True)
    kicked_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return f"Lane {self.number}"
