"""Booking events: the append-only history of a booking."""

from __future__ import annotations

from django.db import models

from bookings.models.booking import Booking


class BookingEvent(models.Model):
    """One thing that happened to a booking; append-only. ``seq`` is the booking's version after it."""

    booking = models.ForeignKey(Booking, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    from_status = models.CharField(max_length=10, blank=True)
    to_status = models.CharField(max_length=10)
    actor = models.CharField(max_length=160)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["booking", "seq"]
        constraints = [models.UniqueConstraint(name="one_event_per_version", fields=["booking", "seq"])]

    def __str__(self) -> str:
        return f"{self.kind} ({self.actor})"
