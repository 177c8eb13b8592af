"""Gateway events: the webhooks that Razorpay sent."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class GatewayEvent(models.Model):
    """A verified webhook, stored as received. The worker processes it later, so that the gateway does not wait."""

    class State(models.TextChoices):
        RECEIVED = "received"
        DONE = "done"
        IGNORED = "ignored"
        UNMATCHED = "unmatched", "No matching order"

    UNREADABLE = "unreadable"  # the kind of an event whose body is not that of an event

    event_id = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=60)
    body = models.JSONField(null=True, help_text="As received. Removed after a time, since it contains personal data.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, db_default=Now())
    error = models.CharField(max_length=250, blank=True)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-received_at", "-pk"]
        indexes = [models.Index(fields=["next_try_at"], name="event_due", condition=Q(next_try_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
