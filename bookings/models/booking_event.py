"""Booking events: the append-only history of a booking."""

from __future__ import annotations

from django.db import models

from bookings.models.booking import Booking
from foundation.events import ActorKind


class BookingEvent(models.Model):
    """A change to a booking; append-only. ``seq`` is the booking's version after the change.

    ``actor`` is for display only; branch on ``actor_kind``.
    """

    class Kind(models.TextChoices):
        CREATED = "created"
        CONFIRMED = "confirmed"
        PAID = "paid"
        DECLINED = "declined"
        UNANSWERED = "unanswered", "Not confirmed in time"
        RESCHEDULED = "rescheduled"
        CANCELLED = "cancelled"
        EXPIRED = "expired"
        COMPLETED = "completed"
        NO_SHOW = "no_show", "Marked as a no-show"
        CORRECTED = "corrected"

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40, choices=Kind.choices)
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10)
    actor = models.CharField(max_length=160)
    actor_kind = models.CharField(max_length=12, choices=ActorKind.choices)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["booking", "seq"]
        constraints = [
            models.UniqueConstraint(
                name="one_event_per_version",
                fields=["booking", "seq"],
                violation_error_message="The booking already has an event with this number.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.actor})"
