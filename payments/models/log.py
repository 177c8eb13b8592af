"""What happened to money, what does not add up, and when the books were last compared."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from payments.models.order import PaymentOrder
from payments.models.payment import Payment
from payments.models.refund import Refund


class PaymentLog(models.Model):
    """One move of money or of its state; append-only, which a trigger of the database holds."""

    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="log")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="log")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, related_name="log")
    moved_from = models.CharField(max_length=12, blank=True)
    moved_to = models.CharField(max_length=12)
    source = models.CharField(max_length=160, help_text="Who brought the news: verify, a webhook, a check, a person.")
    note = models.CharField(max_length=250, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.moved_from} → {self.moved_to}"


class Finding(models.Model):
    """Money at the gateway that our books cannot place. Found by the daily comparison; a person closes it."""

    gateway_id = models.CharField(max_length=40, unique=True)
    cause = models.CharField(max_length=250)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    found_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=160, blank=True)
    resolution = models.CharField(max_length=250, blank=True)

    class Meta:
        ordering = ["found_at"]
        constraints = [
            models.CheckConstraint(
                name="closed_finding_says_by_whom",
                condition=Q(closed_at__isnull=True) | (~Q(closed_by="") & ~Q(resolution="")),
            )
        ]

    def __str__(self) -> str:
        return self.gateway_id


class Sweep(models.Model):
    """A job that is owed regularly: when it is due next, and how it went last."""

    name = models.CharField(max_length=40, primary_key=True)
    due_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    result = models.CharField(max_length=250, blank=True)

    def __str__(self) -> str:
        return self.name
