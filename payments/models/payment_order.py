"""Payment orders: what we ask the gateway to collect."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from bookings.models import Booking
from payments.models.defaults import new_receipt

# When to poll an order, as offsets from its creation. The last ones are for banks that respond days later.
POLL_SCHEDULE = [
    *(timedelta(minutes=minutes) for minutes in (2, 5, 10, 15, 30)),
    *(timedelta(hours=hours) for hours in (1, 6, 24, 72, 120)),
]


class PaymentOrderQuerySet(models.QuerySet["PaymentOrder"]):
    def find_by_razorpay_id(self, razorpay_order_id: str) -> PaymentOrder | None:
        """Return the order with this gateway id, or None. An empty id matches nothing."""
        return self.filter(razorpay_order_id=razorpay_order_id).first() if razorpay_order_id else None


class PaymentOrder(models.Model):
    """What we ask the gateway to collect. The row is written before the gateway is called, so that no order is lost."""

    class State(models.TextChoices):
        CREATING = "creating"
        OPEN = "open"
        PAID = "paid"
        REJECTED = "rejected"
        CLOSED = "closed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="+")
    key_id = models.CharField(max_length=40)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    receipt = models.CharField(max_length=40, unique=True, default=new_receipt)
    razorpay_order_id = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001 - unique where known
    state = models.CharField(max_length=10, choices=State.choices, default=State.CREATING)
    is_extended = models.BooleanField(
        default=False, help_text="Its hold was extended while a bank processed the payment."
    )
    next_check_at = models.DateTimeField(null=True, help_text="When to poll the gateway about it again.")
    last_error = models.CharField(max_length=250, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = PaymentOrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["next_check_at"], name="order_to_check", condition=Q(next_check_at__isnull=False)),
            models.Index(fields=["booking"], name="order_of_booking"),
        ]
        constraints = [
            models.CheckConstraint(
                name="order_asks_for_money",
                condition=Q(amount_minor__gt=0),
                violation_error_message="Enter an amount above 0.",
            ),
            models.CheckConstraint(
                name="open_order_is_known_to_the_gateway",
                condition=Q(state__in=["creating", "rejected", "closed"]) | Q(razorpay_order_id__isnull=False),
                violation_error_message="An open order needs the gateway's id.",
            ),
            models.UniqueConstraint(
                name="one_open_order_per_booking",
                fields=["booking"],
                condition=Q(state__in=["creating", "open"]),
                violation_error_message="This booking already has an open order.",
            ),
        ]

    def __str__(self) -> str:
        return self.razorpay_order_id or self.receipt

    def next_poll_after(self, now: datetime, hold_expires_at: datetime | None) -> datetime | None:
        """Return the time of the next poll after ``now``, or None after the last one."""
        times = [self.created_at + offset for offset in POLL_SCHEDULE]
        if hold_expires_at is not None:
            times.append(hold_expires_at)
        return min((time for time in times if time > now), default=None)

    @property
    def last_poll_at(self) -> datetime:
        """The time of the last scheduled poll."""
        return self.created_at + POLL_SCHEDULE[-1]
