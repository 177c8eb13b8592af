"""The row of a keyed request: find it, or insert it."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.db import connection
from django.db.models import QuerySet

from bookings.api.keyed_request import KeyedRequest
from bookings.exceptions import RequestInProgress
from bookings.models import IdempotencyKey
from bookings.models.idempotency_key import lock_end
from foundation.clock import database_now

REPEAT_WINDOW = timedelta(minutes=10)
STILL_RUNNING = "The first request with this key is still running. Send the same request again in a moment."


def insert_or_get(keyed: KeyedRequest) -> tuple[IdempotencyKey, bool]:
    """Return the row of the key, and whether it is new."""
    scope = _scope_to_use(keyed)
    while True:
        new_row = IdempotencyKey(
            scope=scope, key_hash=keyed.key_hash, fingerprint=keyed.fingerprint, locked_until=lock_end()
        )
        if not keyed.key:
            new_row.secret = secrets.token_urlsafe(32)
        IdempotencyKey.objects.bulk_create([new_row], ignore_conflicts=True)
        row = rows_for(keyed).first()
        if row is None:  # the first request has deleted the key in the meantime
            raise RequestInProgress(STILL_RUNNING)
        if row.pk == new_row.pk or not is_outlived(row, keyed):
            return row, row.pk == new_row.pk
        row.delete()


def _scope_to_use(keyed: KeyedRequest) -> str:
    """Return the scope in which the key has a row: that of an earlier SECRET_KEY, or else the current one."""
    if len(keyed.scopes) == 1:
        return keyed.scopes[0]
    # Hosts may differ in which key is the current one. Without the lock, each would insert a row in its own scope.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [keyed.key_hash])
    return rows_for(keyed).values_list("scope", flat=True).first() or keyed.scopes[0]


def is_outlived(row: IdempotencyKey, keyed: KeyedRequest) -> bool:
    """Return whether a request without a key is no longer a repeat of the one that has a response in ``row``."""
    if keyed.key or row.status is None or row.booking is None:
        return False
    return row.last_started_at <= database_now() - REPEAT_WINDOW or not row.booking.is_as_created


def rows_for(keyed: KeyedRequest) -> QuerySet[IdempotencyKey]:
    """Return the rows of the key; there is one at most, in one of its scopes."""
    return with_booking().filter(scope__in=keyed.scopes, key_hash=keyed.key_hash)


def with_booking() -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.select_related("booking__service__location", "booking__customer", "booking__resource")
