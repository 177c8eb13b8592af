"""Discrepancies: money at the gateway that matches no row of ours."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Discrepancy(models.Model):
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
                name="closed_discrepancy_names_who_and_why",
                condition=Q(closed_at__isnull=True) | (~Q(closed_by="") & ~Q(resolution="")),
            )
        ]

    def __str__(self) -> str:
        return self.gateway_id
