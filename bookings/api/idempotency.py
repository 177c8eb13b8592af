"""Idempotency-Key: a POST that is sent again is answered again, and carried out once.

A view whose work is one transaction calls ``answer_once``. One that has to leave the database in between reads the key
with ``keyed_request``, and then: one transaction with ``claim`` and ``note_booking``; its errand; ``store_answer``, or
``release`` if a repeat may go on at once, or ``forget`` if it has to start anew. Without a key all of these do nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import OperationalError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from psycopg2.errors import LockNotAvailable
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from bookings.exceptions import IdempotencyKeyMalformed, IdempotencyKeyReused, RequestInProgress
from bookings.manage_tokens import TokenMaker, derived_token, random_token
from bookings.models import Booking, IdempotencyKey
from bookings.models.idempotency_key import lock_end
from bookings.operations import NewBooking

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
RETENTION = timedelta(days=7)
# Stands in a stored body for the manage token. JSON escapes control characters, so nothing a customer writes is one.
TOKEN_PLACE = "\x1a"  # noqa: S105 - the place of a secret, not the secret
STILL_RUNNING = "The first request with this key is still running. Ask again in a moment."

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="Makes the request safe to send again: for 7 days the same key and body get the first answer, with "
    "`Idempotent-Replayed: true`. Another body gets 422 `idempotency_key_reused`; while the first request is running, "
    "there is 409 `request_in_progress`. 1 to 255 printable ASCII characters that nobody can guess, such as a UUID.",
)


@dataclass(frozen=True)
class KeyedRequest:
    """A request that came with a key: who asks where, and for what."""

    scope: str
    fingerprint: str
    key: str = field(repr=False)

    @property
    def key_hash(self) -> str:
        return _sha256(self.key)


@dataclass(frozen=True)
class Answer:
    """What the client is told, in the very characters that a repeat will be told."""

    status: int
    body: str = field(repr=False)
    is_replay: bool = False

    def as_response(self) -> HttpResponse:
        headers = {"Idempotent-Replayed": "true"} if self.is_replay else {}
        return HttpResponse(self.body, status=self.status, content_type="application/json", headers=headers)


@dataclass(frozen=True)
class Claim:
    """Leave to carry a request out. ``booking`` is what an earlier try made and left unanswered: go on with it.

    The booking has to be made with ``token_for``.
    """

    row: IdempotencyKey | None = None
    booking: Booking | None = None
    token_for: TokenMaker = field(default=random_token, repr=False)


def answer_once(
    request: Request, book: Callable[[TokenMaker], NewBooking], *, show: Callable[[NewBooking], Mapping[str, Any]]
) -> HttpResponse:
    """Answer 201 with what ``show`` makes of the new booking; a repeat under the same key gets the first answer.

    Everything is one transaction: what ``book`` raises leaves neither a booking nor the key. Raises also what
    keyed_request and claim raise.
    """
    keyed = keyed_request(request)
    with transaction.atomic():
        claimed = claim(keyed)
        if isinstance(claimed, Answer):
            return claimed.as_response()
        booked = book(claimed.token_for)
        return store_answer(claimed, booking=booked.booking, content=show(booked)).as_response()


def keyed_request(request: Request) -> KeyedRequest | None:
    """Return what ``request`` asks for under its key, or None if it has none. Raises KeyMalformed."""
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise IdempotencyKeyMalformed(
            f"{HEADER} has to be 1 to {MAX_LENGTH} printable ASCII characters. Send a UUID, for example."
        )
    caller = f"user {request.user.pk}" if request.user.is_authenticated else "anonymous"
    asked = json.dumps([request.method, request.path_info, request.data], sort_keys=True)
    return KeyedRequest(scope=f"{caller} {request.path_info}", fingerprint=_sha256(asked), key=key)


def is_repeat(request: Request) -> bool:
    """Whether ``request`` repeats one that has made a booking, answered or not. Raises KeyMalformed."""
    keyed = keyed_request(request)
    return keyed is not None and _rows_of(keyed).filter(fingerprint=keyed.fingerprint, booking__isnull=False).exists()


def claim(keyed: KeyedRequest | None) -> Claim | Answer:
    """Return leave to carry the request out, or the answer that it has had. Call it first in a transaction.

    A first request that has not committed yet is waited for, as long as lock_timeout allows. Raises RequestInProgress
    or KeyReused. A claim that is rolled back was never made.
    """
    if keyed is None:
        return Claim()
    token_for = partial(derived_token, key=keyed.key)
    new = IdempotencyKey(
        scope=keyed.scope, key_hash=keyed.key_hash, fingerprint=keyed.fingerprint, locked_until=lock_end()
    )
    with _whoever_is_first_is_running():
        IdempotencyKey.objects.bulk_create([new], ignore_conflicts=True)
        row = _rows_of(keyed).first()
        if row is None:  # whoever was first has given the key back meanwhile
            raise RequestInProgress(STILL_RUNNING)
        if row.pk == new.pk:
            return Claim(row, token_for=token_for)
        if row.fingerprint != keyed.fingerprint:
            raise IdempotencyKeyReused(
                f"This {HEADER} came with another request before. Send a new key with a new request."
            )
        if row.status is not None:
            return _stored_answer(row, token_for)
        if not row.take_lock():
            raise RequestInProgress(STILL_RUNNING)
    return Claim(row, row.booking, token_for)


def note_booking(claimed: Claim, booking: Booking) -> None:
    """Remember, in the transaction that makes it, the booking with which a later try is to go on."""
    _row(claimed).update(booking=booking)


def store_answer(claimed: Claim, *, booking: Booking, content: Mapping[str, Any], status: int = 201) -> Answer:
    """Write down what the client is told about ``booking``, and return it.

    If another try has answered meanwhile, its answer is the one that counts, and is returned instead.
    """
    answer = Answer(status, JSONRenderer().render(content).decode())
    if claimed.row is None:
        return answer
    token = claimed.token_for(booking.pk)
    if claimed.row.store_response(booking, status, answer.body.replace(token, TOKEN_PLACE)):
        return answer
    known = _row(claimed).first()
    return answer if known is None else _stored_answer(known, claimed.token_for)


def release(claimed: Claim) -> None:
    """Let the next request with the key go on at once with the noted booking: this one ends without an answer."""
    _row(claimed).update(locked_until=Now())


def forget(claimed: Claim) -> None:
    """Let the next request with the key start anew: what this one began has been undone."""
    _row(claimed).filter(status=None).delete()


def purge_idempotency_keys() -> int:
    """Delete the keys that have been kept for 7 days; return how many. One statement."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=Now() - RETENTION).delete()
    return deleted


def _rows_of(keyed: KeyedRequest) -> QuerySet[IdempotencyKey]:
    with_booking = IdempotencyKey.objects.select_related(
        "booking__service__location", "booking__customer", "booking__resource"
    )
    return with_booking.filter(scope=keyed.scope, key_hash=keyed.key_hash)


def _row(claimed: Claim) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(pk=claimed.row.pk) if claimed.row else IdempotencyKey.objects.none()


def _stored_answer(row: IdempotencyKey, token_for: TokenMaker) -> Answer:
    if row.status is None or row.booking_id is None:
        raise ValueError(f"{row} has no answer")
    return Answer(row.status, row.body.replace(TOKEN_PLACE, token_for(row.booking_id)), is_replay=True)


@contextmanager
def _whoever_is_first_is_running() -> Iterator[None]:
    # An INSERT waits for an equal one that has not committed; past lock_timeout the client may wait as well.
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise RequestInProgress(STILL_RUNNING) from error
        raise


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
