"""The append-only log of payments and refunds."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from payments.models.payment import Payment
from payments.models.payment_order import PaymentOrder
from payments.models.refund import Refund


class PaymentLog(models.Model):
    """A change in the state or disposition of a payment or refund. A database trigger keeps it append-only.

    ``source`` begins with a Source, or is the actor of a decision.
    """

    class Source(models.TextChoices):
        VERIFY = "verify"
        WEBHOOK = "webhook"
        POLL = "poll"
        REFUND = "refund"
        RECONCILIATION = "daily_reconciliation"

    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="log")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="log")
    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, null=True, related_name="log")
    moved_from = models.CharField(max_length=12, blank=True)
    moved_to = models.CharField(max_length=12)
    source = models.CharField(
        max_length=160, help_text="Who reported or decided it: verify, webhook, poll, or a person."
    )
    note = models.CharField(max_length=250, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.moved_from} → {self.moved_to}" if self.moved_from else self.moved_to
