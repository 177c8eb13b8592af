"""Discrepancies: unmatched payments, which the gateway has captured but which match none of our orders, and disputes
about unknown payments."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from foundation.events import Actor


class DiscrepancyQuerySet(models.QuerySet["Discrepancy"]):
    def open(self) -> DiscrepancyQuerySet:
        """Return the discrepancies that are not closed yet."""
        return self.filter(closed_at=None)

    def close(self, key: str, *, actor: Actor, note: str) -> bool:
        """Close an open discrepancy; return whether it was open."""
        return bool(self.open().filter(pk=key).update(closed_at=Now(), closed_by=str(actor), resolution=note))


class Discrepancy(models.Model):
    """A payment or dispute at the gateway that does not match our books.

    The daily reconciliation records it; staff close it.
    """

    gateway_id = models.CharField(max_length=40, unique=True)
    cause = models.CharField(max_length=250)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    found_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=160, blank=True)
    resolution = models.CharField(max_length=250, blank=True)

    objects = DiscrepancyQuerySet.as_manager()

    class Meta:
        ordering = ["found_at"]
        verbose_name_plural = "discrepancies"
        constraints = [
            models.CheckConstraint(
                name="closed_discrepancy_names_who_and_why",
                condition=Q(closed_at__isnull=True) | (~Q(closed_by="") & ~Q(resolution="")),
                violation_error_message="Closing a discrepancy needs a name and an explanation.",
            )
        ]

    def __str__(self) -> str:
        return self.gateway_id
