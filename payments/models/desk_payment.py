"""Desk payments."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from bookings.models import Booking


class DeskPayment(models.Model):
    """Money taken or paid out at the desk, or written off. A database trigger keeps rows as they were recorded.

    To correct a row, void it and record a new one: both stay.
    """

    class Kind(models.TextChoices):
        TAKEN = "taken", "Taken"
        PAID_OUT = "paid_out", "Paid out"
        WRITTEN_OFF = "written_off", "Written off"  # no money moves: the customer does not have to pay it

    class Method(models.TextChoices):
        CASH = "cash", "Cash"
        CARD = "card", "Card"
        TRANSFER = "transfer", "Bank or UPI transfer"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    method = models.CharField(max_length=10, choices=Method.choices, blank=True)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    note = models.CharField(max_length=250, blank=True)
    taken_by = models.CharField(max_length=160)
    taken_at = models.DateTimeField(db_default=Now())
    voided_at = models.DateTimeField(null=True)
    voided_by = models.CharField(max_length=160, blank=True)

    class Meta:
        ordering = ["-taken_at"]
        permissions = [("take_payment", "Can record payments at the desk")]
        indexes = [models.Index(fields=["booking"], name="desk_payment_of_booking")]
        constraints = [
            models.CheckConstraint(
                name="desk_payment_moves_money",
                condition=Q(amount_minor__gt=0),
                violation_error_message="Enter an amount above 0.",
            ),
            models.CheckConstraint(
                name="money_has_a_method_and_a_write_off_has_none",
                condition=Q(kind="written_off", method="") | (~Q(kind="written_off") & ~Q(method="")),
                violation_error_message="Choose a method, unless the amount is written off.",
            ),
            models.CheckConstraint(
                name="voided_says_by_whom",
                condition=Q(voided_at__isnull=True) | ~Q(voided_by=""),
                violation_error_message="A void payment needs the name of the person who voided it.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.booking_id}"
