"""What people are told, and how far it came."""

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
        DEAD = "dead"
        UNKNOWN = "unknown"
        HELD = "held"
        SKIPPED = "skipped"
        EXPIRED = "expired"
        CANCELLED = "cancelled"

    # The moves that exist: to each status, from these. A lapsed lease or a doubtful answer leads to UNKNOWN, and from
    # there to QUEUED only once the provider has shown that it has no such message: sending again on a guess is how
    # people get a message twice. What a provider reports is believed of every row that is not settled yet.
    UNSETTLED = [Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.HELD]
    ALLOWED_PREDECESSORS = {
        Status.QUEUED: [Status.SENDING, Status.UNKNOWN, Status.HELD],
        Status.SENDING: [Status.QUEUED],
        Status.ACCEPTED: UNSETTLED,
        Status.DELIVERED: [*UNSETTLED, Status.ACCEPTED, Status.UNDELIVERED],
        Status.READ: [*UNSETTLED, Status.ACCEPTED, Status.UNDELIVERED, Status.DELIVERED],
        Status.UNDELIVERED: [*UNSETTLED, Status.ACCEPTED],
        Status.FAILED: [Status.SENDING],
        Status.DEAD: [Status.SENDING],
        Status.UNKNOWN: [Status.SENDING],
        Status.HELD: [Status.UNKNOWN],
        Status.SKIPPED: [Status.QUEUED, Status.SENDING],
        Status.EXPIRED: [Status.QUEUED],
        Status.CANCELLED: [Status.QUEUED, Status.HELD],
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
    due_at = models.DateTimeField(db_default=Now(), help_text="When to send it; while unknown: when to look for it.")
    expires_at = models.DateTimeField(null=True, help_text="After this it would be of no use any more.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Tries that count: not those put off.")
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    provider_id = models.CharField(max_length=200, blank=True, help_text="Twilio's SID, or our own Message-ID.")
    error_code = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=250, blank=True)
    unknown_since = models.DateTimeField(null=True)
    looks = models.PositiveSmallIntegerField(default=0, help_text="How often it was looked for at the provider.")
    planned_at = models.DateTimeField(db_default=Now(), help_text="When it is to go out, if all goes well.")
    created_at = models.DateTimeField(db_default=Now())
    accepted_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [("resolve_notification", "Can decide what becomes of a held message")]
        indexes = [
            models.Index(fields=["channel", "due_at"], name="notification_due", condition=Q(status="queued")),
            models.Index(fields=["due_at"], name="notification_in_doubt", condition=Q(status="unknown")),
            models.Index(fields=["lease_until"], name="notification_leased", condition=Q(status="sending")),
            models.Index(fields=["-created_at", "-id"], name="notification_newest_first"),
        ]
        constraints = [
            models.CheckConstraint(
                name="sending_means_leased",
                condition=~Q(status="sending") | Q(lease_until__isnull=False, lease_token__isnull=False),
            ),
            models.CheckConstraint(
                name="unknown_means_since_when", condition=~Q(status="unknown") | Q(unknown_since__isnull=False)
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
    def is_planned_ahead(self) -> bool:
        """Whether it was written long before it is to go out."""
        return self.planned_at > self.created_at

    @property
    def seconds_to_accept(self) -> float | None:
        """How long it took to the provider's yes: from the change that owed it, or the time it was planned for."""
        return (self.accepted_at - self.planned_at).total_seconds() if self.accepted_at else None

    def transition_to(self, status: Status, **fields: Any) -> bool:
        """Move the row to ``status`` if it may still go there; return whether it did. One UPDATE decides."""
        moved = Notification.objects.filter(pk=self.pk, status__in=self.ALLOWED_PREDECESSORS[status]).update(
            status=status, **fields
        )
        return bool(moved)
