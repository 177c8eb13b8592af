"""Idempotency keys: the request that was sent with a key, and its response."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from bookings.models.booking import Booking

# Longer than any request takes: once a lock expires, the process that held it must have died.
LOCK_DURATION = timedelta(seconds=20)

# Of a request from before fingerprints compared meanings: any body of the same customer repeats it.
ANY_FINGERPRINT = ""


def lock_end() -> CombinedExpression:
    """Return the expiry time of a lock acquired now, on the database's clock."""
    return Now() + LOCK_DURATION


class IdempotencyKey(models.Model):
    """A request that takes effect once. ``status`` and ``body`` are its response, empty until there is one.

    Neither the key nor the manage token is stored: the key is hashed, and ``body`` has a placeholder for the token. The
    manage token is derived from the key; without a key, from ``secret``. Both derivations need SECRET_KEY, too;
    of several keys, the booking's hash of the token shows which one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=200, help_text="The caller and the path.")
    key_hash = models.CharField(max_length=64)
    fingerprint = models.CharField(
        max_length=64, help_text="Hash of the method, the path and the meaning of the body; empty: not known."
    )
    secret = models.CharField(
        max_length=43, blank=True, db_default="", help_text="Random; for a request that was sent without a key."
    )
    booking = models.ForeignKey(Booking, null=True, on_delete=models.CASCADE, related_name="+")
    locked_until = models.DateTimeField(help_text="Until then the first request counts as running.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="idempotency_key_by_age"),
            models.Index(fields=["fingerprint"], name="unanswered_request", condition=Q(status__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                name="one_request_per_key",
                fields=["scope", "key_hash"],
                violation_error_message="This idempotency key is already in use.",
            ),
            models.CheckConstraint(
                name="an_answer_is_about_a_booking",
                condition=Q(status__isnull=True, body="") | Q(status__isnull=False, booking__isnull=False),
                violation_error_message="A stored response needs the booking that it is about.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key_hash[:8]}"

    @property
    def last_started_at(self) -> datetime:
        """When the request was last executed: each execution begins with a new lock."""
        return self.locked_until - LOCK_DURATION

    def acquire_lock(self) -> bool:
        """Lock the row if it has no response and no other request holds the lock; return whether it did."""
        unlocked = IdempotencyKey.objects.filter(pk=self.pk, status=None, locked_until__lte=Now())
        return bool(unlocked.update(locked_until=lock_end()))

    def store_response(self, booking: Booking, status: int, body: str) -> bool:
        """Store the response unless there is one already; return whether it did."""
        without_response = IdempotencyKey.objects.filter(pk=self.pk, status=None)
        return bool(without_response.update(booking=booking, status=status, body=body))
