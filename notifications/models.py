"""What people are told, each try at telling them, and what the providers reported back."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from bookings.models import Booking


class NotificationQuerySet(models.QuerySet["Notification"]):
    def for_history(self) -> NotificationQuerySet:
        """Newest first, with all that a history row prints. ``-pk`` breaks ties: page two never repeats page one."""
        return self.select_related("booking__customer").order_by("-created_at", "-pk")


class Notification(models.Model):
    """One message to one address, owed since the change that caused it was committed."""

    class Channel(models.TextChoices):
        SMS = "sms", "SMS"
        WHATSAPP = "whatsapp", "WhatsApp"
        EMAIL = "email", "E-mail"

    class Status(models.TextChoices):
        QUEUED = "queued"
        SENDING = "sending"
        ACCEPTED = "accepted"
        DELIVERED = "delivered"
        READ = "read"
        UNDELIVERED = "undelivered"
        FAILED = "failed"
        UNKNOWN = "unknown"

    # The moves that exist: to each status, from these. A lapsed lease or a doubtful answer leads to UNKNOWN and from
    # there only to what the provider itself reports: sending again on a guess is how people get a message twice.
    MAY_FOLLOW = {
        Status.QUEUED: [Status.SENDING],
        Status.SENDING: [Status.QUEUED],
        Status.ACCEPTED: [Status.SENDING, Status.UNKNOWN],
        Status.DELIVERED: [Status.SENDING, Status.UNKNOWN, Status.ACCEPTED, Status.UNDELIVERED],
        Status.READ: [Status.SENDING, Status.UNKNOWN, Status.ACCEPTED, Status.UNDELIVERED, Status.DELIVERED],
        Status.UNDELIVERED: [Status.SENDING, Status.UNKNOWN, Status.ACCEPTED],
        Status.FAILED: [Status.SENDING],
        Status.UNKNOWN: [Status.SENDING],
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dedupe_key = models.CharField(max_length=320, unique=True)
    kind = models.CharField(max_length=40)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    address = models.CharField(max_length=254)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    due_at = models.DateTimeField(db_default=Now())
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    provider_id = models.CharField(max_length=200, blank=True, help_text="Twilio's SID, or our own Message-ID.")
    error_code = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    accepted_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["due_at"], name="notification_due", condition=Q(status="queued")),
            models.Index(fields=["lease_until"], name="notification_leased", condition=Q(status="sending")),
            models.Index(fields=["-created_at", "-id"], name="notification_newest_first"),
        ]
        constraints = [
            models.CheckConstraint(
                name="sending_means_leased",
                condition=~Q(status="sending") | Q(lease_until__isnull=False, lease_token__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_notification_per_provider_id", fields=["provider_id"], condition=~Q(provider_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.words}"

    @property
    def words(self) -> str:
        """The kind as people say it."""
        return self.kind.replace("_", " ")

    @property
    def seconds_to_accept(self) -> float | None:
        """How long it took from the change that owed it to the provider's yes."""
        return (self.accepted_at - self.created_at).total_seconds() if self.accepted_at else None

    def move_to(self, status: Status, **fields: Any) -> bool:
        """Move the row to ``status`` if it may still go there; return whether it did. One UPDATE decides."""
        moved = Notification.objects.filter(pk=self.pk, status__in=self.MAY_FOLLOW[status]).update(
            status=status, **fields
        )
        return bool(moved)


class Attempt(models.Model):
    """One try at sending, append-only but for its outcome. Its id is the lease token that fences the result."""

    id = models.UUIDField(primary_key=True)
    notification = models.ForeignKey(Notification, on_delete=models.CASCADE, related_name="tries")
    number = models.PositiveSmallIntegerField()
    worker = models.CharField(max_length=80)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
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


class Dispatcher(models.Model):
    """The heartbeat of a drain slot: who drains it, when it last said so, and when it was last woken."""

    slot = models.PositiveSmallIntegerField(primary_key=True)
    beat_at = models.DateTimeField(null=True)
    kicked_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=80, blank=True)

    def __str__(self) -> str:
        return f"Slot {self.slot}"
