"""Payments."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Sum

from bookings.models import Booking
from payments.models.payment_order import PaymentOrder


class Payment(models.Model):
    """An attempt to pay an order. ``state`` only moves forward; ``disposition`` is what the money is for."""

    class State(models.TextChoices):
        CREATED = "created"
        FAILED = "failed"
        AUTHORIZED = "authorized"
        CAPTURED = "captured"
        REFUNDED = "refunded"

    class Disposition(models.TextChoices):
        NONE = "none", "Undecided"
        CONFIRMS = "confirms", "Pays for the booking"
        REFUND_DUE = "refund_due", "To be refunded"
        REVIEW = "review", "Needs review"
        CLOSED = "closed", "Closed"

    # A bank may approve a payment after it was reported as failed. Only a refund undoes a capture.
    RANK = {State.CREATED: 0, State.FAILED: 1, State.AUTHORIZED: 2, State.CAPTURED: 3, State.REFUNDED: 4}

    razorpay_payment_id = models.CharField(max_length=40, unique=True)
    order = models.ForeignKey(PaymentOrder, on_delete=models.PROTECT, related_name="payments")
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.PositiveBigIntegerField()
    customer_fee_minor = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="The part of the amount that is the gateway's fee, borne by the customer."
    )
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=10, choices=State.choices, default=State.CREATED)
    method = models.CharField(max_length=20, blank=True)
    error = models.CharField(max_length=250, blank=True, help_text="The gateway's reason for a failure.")
    disposition = models.CharField(max_length=10, choices=Disposition.choices, default=Disposition.NONE)
    review_reason = models.CharField(max_length=250, blank=True)
    reviewed_at = models.DateTimeField(null=True, help_text="When staff decided about it.")
    signature_verified_at = models.DateTimeField(null=True)
    captured_at = models.DateTimeField(null=True, help_text="When the capture was recorded.")
    paid_at = models.DateTimeField(null=True, help_text="When the customer paid, by the gateway's clock if it says so.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["paid_at"], name="payment_by_time")]
        permissions = [
            ("refund_payment", "Can refund payments"),
            ("review_payment", "Can review payments, exceed the refund policy, write off, and void on a later day"),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_payment_confirms_a_booking",
                fields=["booking"],
                condition=Q(disposition="confirms"),
                violation_error_message="Another payment already counts towards this booking.",
            ),
            models.CheckConstraint(
                name="only_proven_money_confirms",
                condition=~Q(disposition="confirms")
                | Q(captured_at__isnull=False)
                | Q(signature_verified_at__isnull=False),
                violation_error_message="A payment counts only once it is captured or its signature is verified.",
            ),
            models.CheckConstraint(
                name="captured_payment_says_when",
                condition=~Q(state="captured") | Q(captured_at__isnull=False),
                violation_error_message="A captured payment needs the time of its capture.",
            ),
            models.CheckConstraint(
                name="fee_is_part_of_the_payment",
                condition=Q(customer_fee_minor__lte=F("amount_minor")),
                violation_error_message="The fee cannot be higher than the payment.",
            ),
        ]

    def __str__(self) -> str:
        return self.razorpay_payment_id

    @property
    def is_captured(self) -> bool:
        """Return whether the payment was ever captured, even if it was refunded since."""
        return self.captured_at is not None

    @property
    def is_proven(self) -> bool:
        """Return whether the gateway has captured the payment, or confirmed its authorisation with a signature."""
        return self.is_captured or self.signature_verified_at is not None

    @property
    def credited_minor(self) -> int:
        """The amount that belongs to the business, without a fee that the customer bears."""
        return self.amount_minor - self.customer_fee_minor

    def refundable_minor(self) -> int:
        """Return the captured amount minus lost disputes and refunds that have not failed. It may be negative.

        The gateway keeps its fee, so one that the customer bears is not refunded.
        """
        if not self.is_captured:
            return 0
        refunded = self.refunds.exclude(state="failed").aggregate(total=Sum("amount_minor"))["total"]
        return self.credited_minor - int(refunded or 0) - self.lost_minor()

    def lost_minor(self) -> int:
        """Return the amount that the gateway deducted for lost disputes."""
        lost = self.disputes.filter(currency=self.currency).aggregate(total=Sum("deducted_minor"))["total"]
        return int(lost or 0)

    def has_open_dispute(self) -> bool:
        return self.disputes.filter(decided_at=None).exists()
