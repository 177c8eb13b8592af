"""Money for a booking: the order that asks for it, and each payment made on that order."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from bookings.models import Booking


def new_receipt() -> str:
    """Return a receipt for the gateway: unique, at most 40 characters, and the key to find a lost order by."""
    return f"bk_{uuid.uuid4().hex}"


class PaymentOrder(models.Model):
    """What we ask the gateway to collect. Written before the gateway is called, so that no order is ever unknown."""

    class State(models.TextChoices):
        CREATING = "creating"
        OPEN = "open"
        PAID = "paid"
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    key_id = models.CharField(max_length=40)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    receipt = models.CharField(max_length=40, unique=True, default=new_receipt)
    razorpay_order_id = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001 - unique where known
    state = models.CharField(max_length=10, choices=State.choices, default=State.CREATING)
    last_error = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(name="order_asks_for_money", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="open_order_is_known_to_the_gateway",
                condition=Q(state__in=["creating", "rejected"]) | Q(razorpay_order_id__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_open_order_per_booking", fields=["booking"], condition=Q(state__in=["creating", "open"])
            ),
        ]

    def __str__(self) -> str:
        return self.razorpay_order_id or self.receipt


class Payment(models.Model):
    """One attempt to pay an order. ``state`` only moves forward; ``disposition`` says what the money is for."""

    class State(models.TextChoices):
        CREATED = "created"
        FAILED = "failed"
        AUTHORIZED = "authorized"
        CAPTURED = "captured"
        REFUNDED = "refunded"

    class Disposition(models.TextChoices):
        NONE = "none"
        CONFIRMS = "confirms"
        REFUND_DUE = "refund_due"

    razorpay_payment_id = models.CharField(max_length=40, unique=True)
    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="payments")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CREATED)
    disposition = models.CharField(max_length=10, choices=Disposition.choices, default=Disposition.NONE)
    signature_verified_at = models.DateTimeField(null=True)
    captured_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                name="one_payment_confirms_a_booking", fields=["booking"], condition=Q(disposition="confirms")
            ),
            models.CheckConstraint(
                name="only_proven_money_confirms",
                condition=~Q(disposition="confirms")
                | Q(captured_at__isnull=False)
                | Q(signature_verified_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.razorpay_payment_id
