"""What a client asked for under an Idempotency-Key, and what it was told."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from bookings.models.booking import Booking

# Longer than any request runs: whoever holds the lock after that has died.
LOCK = timedelta(seconds=20)


def lock_end() -> CombinedExpression:
    """Return when a lock taken now lapses, by the database's clock."""
    return Now() + LOCK


class IdempotencyKey(models.Model):
    """A request that is carried out once. ``status`` and ``body`` are its answer, empty until there is one.

    Neither the key nor the manage token is in here: the key only as a hash, the token's place in ``body`` is marked.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.CharField(max_length=200, help_text="Who asked, and at which path.")
    key_hash = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64, help_text="Of the method, the path and the body.")
    booking = models.ForeignKey(Booking, null=True, on_delete=models.CASCADE, related_name="+")
    locked_until = models.DateTimeField(help_text="Until then the first request is taken to be running.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotency_key_by_age")]
        constraints = [
            models.UniqueConstraint(name="one_request_per_key", fields=["scope", "key_hash"]),
            models.CheckConstraint(
                name="an_answer_is_about_a_booking",
                condition=Q(status__isnull=True, body="") | Q(status__isnull=False, booking__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key_hash[:8]}"

    def take_lock(self) -> bool:
        """Lock the row anew if it has no answer and nobody is at work on it; return whether it is ours now."""
        free = IdempotencyKey.objects.filter(pk=self.pk, status=None, locked_until__lte=Now())
        return bool(free.update(locked_until=lock_end()))

    def store_response(self, booking: Booking, status: int, body: str) -> bool:
        """Write the answer down unless there is one already; return whether it is this one that counts."""
        unanswered = IdempotencyKey.objects.filter(pk=self.pk, status=None)
        return bool(unanswered.update(booking=booking, status=status, body=body))
