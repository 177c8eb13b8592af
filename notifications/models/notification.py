"""Notifications: the messages to customers and their delivery status."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now

from bookings.models import Booking, BookingEvent, SearchText, contains_text, reference_prefix
from foundation.clock import database_now
from foundation.phone_numbers import parse_phone_number
from notifications.messages.kinds import MessageKind
from notifications.models.channel import Channel

SENT_OR_PLANNED_AT = Greatest("planned_at", "accepted_at")


class NotificationQuerySet(models.QuerySet["Notification"]):
    def for_history(self) -> NotificationQuerySet:
        """Order newest first by ``at``, with the bookings and customers. ``-pk`` breaks ties, so pages do not overlap.

        ``at`` is when the message was sent, or when it is planned to be sent.
        """
        related = self.select_related("booking__customer", "resend_of", "resent_as")
        return related.annotate(at=SENT_OR_PLANNED_AT).order_by("-at", "-pk")

    def matching(self, text: str) -> NotificationQuerySet:
        """Return the messages that match ``text``: the customer's name with the address, the booking's reference, or
        the provider's id. A former address of a customer matches only in full."""
        prefix = reference_prefix(text)
        searched = Notification.objects.alias(search_text=SearchText("booking__customer__name", "address"))
        parts = [
            searched.filter(
                contains_text(text) | Q(booking__reference__startswith=prefix) if prefix else contains_text(text),
                booking__in=Booking.objects.matching(text),
            ),
            Notification.objects.filter(address__in=[text, parse_phone_number(text) or text]),
            Notification.objects.filter(provider_id=text).exclude(provider_id=""),
        ]
        first, *others = [part.order_by().values("pk") for part in parts]
        return self.filter(pk__in=first.union(*others))

    def due(self) -> NotificationQuerySet:
        """Return the notifications that are due and not being sent: the backlog."""
        return self.filter(status=Notification.Status.QUEUED, due_at__lte=Now(), superseded_at=None)


class Notification(models.Model):
    """One message to one address on one channel, written in the transaction of the change that caused it.

    ``event`` is the booking event that caused it; other causes (a planned reminder, a refund) have none.
    """

    Channel = Channel
    Kind = MessageKind

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
        HELD = "held", "On hold"
        SKIPPED = "skipped"
        EXPIRED = "expired"
        CANCELLED = "cancelled"
        SUPERSEDED = "superseded"

    ARRIVED = [Status.ACCEPTED, Status.DELIVERED, Status.READ]  # as far as we know
    RESENDABLE = [Status.FAILED, Status.DEAD, Status.UNDELIVERED, Status.EXPIRED]
    UNSETTLED = [Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.HELD]
    REPORTABLE = [*UNSETTLED, Status.SUPERSEDED]
    # For each status, the statuses that may precede it. An expired lease or an ambiguous outcome leads to UNKNOWN,
    # and from there to QUEUED only if the provider has shown that it has no such message: resending on a guess
    # duplicates messages. A provider's report applies to every status that is not final, and to SUPERSEDED, because
    # an earlier attempt may have been accepted after all.
    ALLOWED_PREDECESSORS = {
        Status.QUEUED: [Status.SENDING, Status.UNKNOWN, Status.HELD],
        Status.SENDING: [Status.QUEUED],
        Status.ACCEPTED: REPORTABLE,
        Status.DELIVERED: [*REPORTABLE, Status.ACCEPTED, Status.UNDELIVERED],
        Status.READ: [*REPORTABLE, Status.ACCEPTED, Status.UNDELIVERED, Status.DELIVERED],
        Status.UNDELIVERED: [*REPORTABLE, Status.ACCEPTED],
        Status.FAILED: [Status.SENDING, Status.UNKNOWN, Status.HELD],
        Status.DEAD: [Status.SENDING, Status.UNKNOWN, Status.HELD],
        Status.UNKNOWN: [Status.SENDING],
        Status.HELD: [Status.UNKNOWN],
        Status.SKIPPED: [Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.HELD],
        Status.EXPIRED: [Status.QUEUED],
        Status.CANCELLED: [Status.QUEUED, Status.HELD],
        Status.SUPERSEDED: [Status.QUEUED, Status.HELD],
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dedupe_key = models.CharField(max_length=320)
    kind = models.CharField(max_length=40, choices=MessageKind.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    event = models.ForeignKey(BookingEvent, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    address = models.CharField(max_length=254)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField()
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.QUEUED)
    due_at = models.DateTimeField(db_default=Now(), help_text="When to send it; while unknown, when to look it up.")
    expires_at = models.DateTimeField(null=True, help_text="After this time it is no longer sent.")
    attempts = models.PositiveSmallIntegerField(default=0, help_text="Attempts that count against the limit.")
    channel_fault_at = models.DateTimeField(null=True, help_text="When its last attempt met a fault of the channel.")
    channel_faults = models.PositiveSmallIntegerField(
        db_default=0, help_text="Such faults after which the channel worked again."
    )
    lease_until = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    provider_id = models.CharField(max_length=200, blank=True, help_text="Twilio's SID, or our Message-ID.")
    error_code = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=250, blank=True)
    unknown_since = models.DateTimeField(null=True)
    looks = models.PositiveSmallIntegerField(default=0, help_text="Number of lookups at the provider.")
    planned_at = models.DateTimeField(db_default=Now(), help_text="When it should be sent.")
    created_at = models.DateTimeField(db_default=Now())
    accepted_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    superseded_at = models.DateTimeField(null=True, help_text="When a change made it outdated, before it was accepted.")

    resend_of = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="resent_as")
    resent_by = models.CharField(max_length=160, blank=True, db_default="")

    objects = NotificationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        permissions = [
            ("resolve_notification", "Can decide about notifications on hold"),
            ("resend_notification", "Can send notifications again"),
        ]
        indexes = [
            models.Index(fields=["channel", "due_at"], name="notification_due", condition=Q(status="queued")),
            models.Index(fields=["due_at"], name="notification_in_doubt", condition=Q(status="unknown")),
            models.Index(fields=["lease_until"], name="notification_leased", condition=Q(status="sending")),
            models.Index(
                fields=["superseded_at"],
                name="notification_superseded",
                condition=Q(status__in=["queued", "held"], superseded_at__isnull=False),
            ),
            models.Index(SENT_OR_PLANNED_AT.desc(), F("id").desc(), name="notification_by_time"),
            models.Index(
                F("status"),
                SENT_OR_PLANNED_AT.desc(),
                F("id").desc(),
                name="notification_by_status",
                condition=~Q(status__in=["queued", "sending", "accepted"]),  # every message passes through these
            ),
            models.Index(fields=["address"], name="notification_by_address"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_notification_per_cause",
                fields=["dedupe_key"],
                violation_error_message="This notification already exists.",
            ),
            models.CheckConstraint(
                name="sending_means_leased",
                condition=~Q(status="sending") | Q(lease_until__isnull=False, lease_token__isnull=False),
                violation_error_message="A notification that is being sent needs a lease.",
            ),
            models.CheckConstraint(
                name="unknown_means_since_when",
                condition=~Q(status="unknown") | Q(unknown_since__isnull=False),
                violation_error_message="An unknown outcome needs the time since which it is unknown.",
            ),
            models.UniqueConstraint(
                name="one_notification_per_provider_id",
                fields=["provider_id"],
                condition=~Q(provider_id=""),
                violation_error_message="Another notification has this id of the provider.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.get_kind_display().lower()}"

    @property
    def is_resendable(self) -> bool:
        """Return whether its status allows to send it again; ``obstacle_to_resend`` checks whether it is current."""
        return self.status in self.RESENDABLE and not hasattr(self, "resent_as")

    @property
    def is_due(self) -> bool:
        """Return whether it is due: if it is still queued, it waits for its channel."""
        return self.due_at <= database_now()

    @property
    def is_planned_ahead(self) -> bool:
        """Return whether it was queued to be sent at a later time."""
        return self.planned_at > self.created_at

    @property
    def seconds_to_accept(self) -> float | None:
        """Return the seconds from the planned time (or the change) to acceptance, or None before acceptance."""
        started_at = max(self.planned_at, self.created_at)  # a resent reminder was planned before
        return (self.accepted_at - started_at).total_seconds() if self.accepted_at else None

    def transition_to(self, status: Status, **fields: Any) -> bool:
        """Set ``status`` and ``fields`` if the current status allows it; return whether it did. One UPDATE decides."""
        updated = Notification.objects.filter(pk=self.pk, status__in=self.ALLOWED_PREDECESSORS[status]).update(
            status=status, **fields
        )
        return bool(updated)
