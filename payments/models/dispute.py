"""Disputes: payments that a customer or a bank challenges."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from payments.models.payment import Payment


class Dispute(models.Model):
    """A dispute at the gateway. Staff respond to it in the gateway's dashboard; here it is recorded."""

    class Phase(models.TextChoices):
        FRAUD = "fraud", "Suspected fraud"
        RETRIEVAL = "retrieval", "Request for information"
        CHARGEBACK = "chargeback", "Chargeback"
        PRE_ARBITRATION = "pre_arbitration", "Pre-arbitration"
        ARBITRATION = "arbitration", "Arbitration"

    class State(models.TextChoices):
        OPEN = "open", "Awaits our response"
        UNDER_REVIEW = "under_review", "Under review by the bank"
        WON = "won"
        LOST = "lost"
        CLOSED = "closed"

    OPEN_STATES = [State.OPEN, State.UNDER_REVIEW]

    razorpay_dispute_id = models.CharField(max_length=40, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="disputes")
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    phase = models.CharField(max_length=15, choices=Phase.choices)
    state = models.CharField(max_length=12, choices=State.choices)
    deducted_minor = models.PositiveBigIntegerField(
        default=0, help_text="What the gateway took from the business, because the dispute was lost."
    )
    reason = models.CharField(max_length=250, blank=True)
    respond_by = models.DateTimeField(null=True, help_text="When the response must have reached the gateway.")
    opened_at = models.DateTimeField(help_text="By the gateway's clock if it says so.")
    reported_at = models.DateTimeField(help_text="The time of the latest report that was applied.")
    decided_at = models.DateTimeField(null=True, help_text="When it was won, lost or closed.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-opened_at"]
        indexes = [models.Index(fields=["decided_at"], name="dispute_by_decision")]
        constraints = [
            models.CheckConstraint(
                name="only_a_decided_dispute_says_when",
                condition=Q(state__in=["open", "under_review"], decided_at__isnull=True)
                | Q(state__in=["won", "lost", "closed"], decided_at__isnull=False),
                violation_error_message="A decided dispute needs the time of the decision; others have none.",
            ),
            models.CheckConstraint(
                name="only_a_lost_dispute_deducts",
                condition=Q(state="lost") | Q(deducted_minor=0),
                violation_error_message="Only a lost dispute deducts money.",
            ),
        ]

    def __str__(self) -> str:
        return self.razorpay_dispute_id

    @property
    def is_open(self) -> bool:
        """Return whether it is not decided yet."""
        return self.state in self.OPEN_STATES
