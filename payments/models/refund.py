"""Refunds."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from payments.models.payment import Payment


class Refund(models.Model):
    """An intent to refund. Its id is the idempotency key, so that the gateway refunds only once."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        SENT = "sent", "Sent, outcome unknown"
        PENDING = "pending"
        PROCESSED = "processed"
        FAILED = "failed"

    class Source(models.TextChoices):
        STAFF = "staff", "Staff"
        LATE = "late", "Paid too late"
        DUPLICATE = "duplicate", "Paid twice"
        CANCELLED = "cancelled", "Booking cancelled or declined"
        EXTERNAL = "external", "Refunded outside Daybook"

    RANK = {State.REQUESTED: 0, State.SENT: 1, State.PENDING: 2, State.PROCESSED: 3, State.FAILED: 4}
    UNSETTLED = [State.REQUESTED, State.SENT, State.PENDING]

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    source = models.CharField(max_length=10, choices=Source.choices)
    reason = models.CharField(max_length=250, blank=True)
    requested_by = models.CharField(max_length=160)
    razorpay_refund_id = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001 - NULL until the gateway assigns one
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, help_text="When to call the gateway again.")
    last_error = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, help_text="When its processing was recorded.")
    failed_at = models.DateTimeField(null=True, help_text="When its failure was recorded.")
    refunded_at = models.DateTimeField(null=True, help_text="When it began, by the gateway's clock if it says so.")

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["next_try_at"], name="refund_due", condition=Q(next_try_at__isnull=False))]
        constraints = [
            models.CheckConstraint(
                name="refund_pays_something",
                condition=Q(amount_minor__gt=0),
                violation_error_message="Enter an amount above 0.",
            ),
            models.UniqueConstraint(
                name="money_goes_back_by_itself_once",
                fields=["payment"],
                condition=Q(source__in=["late", "duplicate"]) & ~Q(state="failed"),
                violation_error_message="This payment already has an automatic refund.",
            ),
            models.CheckConstraint(
                name="processed_refund_is_known_to_the_gateway",
                condition=~Q(state__in=["pending", "processed"]) | Q(razorpay_refund_id__isnull=False),
                violation_error_message="A refund that the gateway has accepted needs the gateway's id.",
            ),
        ]

    def __str__(self) -> str:
        return self.razorpay_refund_id or str(self.pk)
