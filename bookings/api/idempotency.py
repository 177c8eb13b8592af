"""Idempotency keys: a repeated POST takes effect once and gets the first response again.

Without an Idempotency-Key, the caller and the body act as one for REPEAT_WINDOW. Such a repeat gets the first response
only while the booking is as it was created; afterwards it is a new request.

A view whose work is one transaction calls ``respond_once``. One that calls the gateway after its first transaction uses
``begin_execution``, ``take_over_unanswered`` and ``Execution.attach_booking`` in that transaction, makes the call in
``Execution.resumable``, and ends with ``Execution.store_response``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
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

from bookings.api.idempotency_rows import STILL_RUNNING, insert_or_get, is_outlived, rows_for, with_booking
from bookings.api.keyed_request import HEADER, MAX_LENGTH, KeyedRequest, keyed_request
from bookings.exceptions import IdempotencyKeyMalformed, IdempotencyKeyReused, RequestInProgress, ResponseErased
from bookings.manage_tokens import TokenMaker, derived_token, random_token
from bookings.models import Booking, IdempotencyKey
from bookings.models.idempotency_key import ANY_FINGERPRINT
from bookings.operations import NewBooking, replace_manage_token

# Stands for the manage token in a stored body. JSON escapes control characters, so no customer's text contains it.
TOKEN_PLACEHOLDER = "\x1a"  # noqa: S105 - not a secret

IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="Makes the request safe to repeat: for 7 days, the same key and body get the first response again, "
    "with `Idempotent-Replayed: true`. A different body gets 422 `idempotency_key_reused`. While the first request is "
    "running, repeats get 409 `request_in_progress`. 1 to 255 printable ASCII characters that cannot be guessed, such "
    "as a UUID. After the customer's data was erased, a repeat gets 410 `response_erased`. Bodies are the same if they "
    "mean the same: the order of keys, the format of the phone number and the "
    "offset of the time do not matter. Without a key, an equal request of the same caller within 10 minutes gets the "
    "first response again, as long as the booking is unchanged.",
)
IDEMPOTENCY_HEADERS = [
    IDEMPOTENCY_KEY,
    OpenApiParameter(
        "Idempotent-Replayed",
        {"type": "string", "enum": ["true"]},
        OpenApiParameter.HEADER,
        description="Present if this is a replay of the first response.",
        response=[201],
    ),
]
IDEMPOTENCY_REFUSALS = (IdempotencyKeyMalformed, IdempotencyKeyReused, RequestInProgress, ResponseErased)


@dataclass(frozen=True)
class StoredResponse:
    """A response, byte for byte as a replay returns it."""

    status: int
    body: str = field(repr=False)
    is_replay: bool = False

    def as_response(self) -> HttpResponse:
        headers = {"Idempotent-Replayed": "true"} if self.is_replay else {}
        return HttpResponse(self.body, status=self.status, content_type="application/json", headers=headers)


@dataclass(frozen=True)
class Execution:
    """A request that may be executed now: the first one with its key, or one that resumes an interrupted one.

    ``interrupted_booking`` is the booking of an interrupted request: resume with it. Create the booking with
    ``token_for``, so that a replay can show the same manage token. Without ``row``, nothing is stored.
    """

    row: IdempotencyKey | None = None
    interrupted_booking: Booking | None = None
    token_for: TokenMaker = field(default=random_token, repr=False)

    def attach_booking(self, booking: Booking) -> None:
        """Store which booking a repeat should resume. Call it in the transaction that creates the booking."""
        self._rows().update(booking=booking)

    @contextmanager
    def resumable(self, *, undone_by: type[Exception]) -> Iterator[None]:
        """Run the steps after the first commit. If they raise, a repeat with the key may run immediately.

        It resumes with the attached booking. After ``undone_by``, which means that the booking was undone, it starts
        from the beginning.
        """
        try:
            yield
        except undone_by:
            self._rows().filter(status=None).delete()
            raise
        except Exception:
            self._rows().update(locked_until=Now())
            raise

    def store_response(self, *, booking: Booking, content: Mapping[str, Any], status: int = 201) -> StoredResponse:
        """Store the response about ``booking`` and return it.

        If another request with the key has stored a response in the meantime, return that one instead.
        """
        response = StoredResponse(status, JSONRenderer().render(content).decode())
        if self.row is None:
            return response
        token = self.token_for(booking.pk)
        if self.row.store_response(booking, status, response.body.replace(token, TOKEN_PLACEHOLDER)):
            return response
        stored = self._rows().first()
        return response if stored is None else _replay(stored, self.token_for)

    def _rows(self) -> QuerySet[IdempotencyKey]:
        return IdempotencyKey.objects.filter(pk=self.row.pk) if self.row else IdempotencyKey.objects.none()


def respond_once(
    keyed: KeyedRequest,
    create: Callable[[TokenMaker], NewBooking],
    *,
    represent: Callable[[NewBooking], Mapping[str, Any]],
) -> HttpResponse:
    """Respond 201 with the represented new booking; a repeat gets the first response.

    Everything is one transaction: if ``create`` raises, neither booking nor key is stored. Also raises what
    begin_execution raises.
    """
    with transaction.atomic():
        execution = begin_execution(keyed)
        if isinstance(execution, StoredResponse):
            return execution.as_response()
        new_booking = create(execution.token_for)
        response = execution.store_response(booking=new_booking.booking, content=represent(new_booking))
        return response.as_response()


def is_repeat(request: Request) -> bool:
    """Return whether ``request`` repeats one that created a booking. Raises IdempotencyKeyMalformed."""
    keyed = keyed_request(request)
    row = rows_for(keyed).filter(fingerprint__in=[keyed.fingerprint, ANY_FINGERPRINT], booking__isnull=False).first()
    return row is not None and not is_outlived(row, keyed)


def begin_execution(keyed: KeyedRequest) -> Execution | StoredResponse:
    """Lock the key and return the execution, or the stored response of a replay. Call it first in a transaction.

    It waits for a first request that has not committed yet, for up to lock_timeout. Raises RequestInProgress,
    IdempotencyKeyReused or ResponseErased. A rollback leaves no trace of it.
    """
    with _lock_timeout_as_in_progress():
        row, is_new = insert_or_get(keyed)
        token_hash = row.booking.manage_token_hash if row.booking else ""
        token_for = partial(derived_token, key=keyed.key or row.secret, token_hash=token_hash)
        if is_new:
            return Execution(row, token_for=token_for)
        if row.fingerprint not in (keyed.fingerprint, ANY_FINGERPRINT):
            raise IdempotencyKeyReused(
                f"This {HEADER} was already used for a different request. Send a new key with a new request."
            )
        if row.status is not None:
            return _replay(row, token_for)
        if not row.acquire_lock():
            raise RequestInProgress(STILL_RUNNING)
    return Execution(row, row.booking, token_for)


def take_over_unanswered(execution: Execution, keyed: KeyedRequest) -> Execution:
    """Continue an interrupted request of the same caller with the same input but another key, if there is one.

    Its key is deleted, and its booking gets a new manage token: the client never received the first one. Raises
    RequestInProgress while that request is still running. Call it in the transaction of begin_execution.
    """
    if execution.row is None or execution.interrupted_booking is not None:
        return execution
    own = with_booking().filter(booking__caller_hash__in=keyed.caller.hashes)
    row = own.filter(status=None, fingerprint=keyed.fingerprint).first()
    if row is None or row.booking is None:
        return execution
    if not row.acquire_lock():
        raise RequestInProgress(STILL_RUNNING)
    row.delete()
    replace_manage_token(booking=row.booking, token=execution.token_for(row.booking.pk))
    execution.attach_booking(row.booking)
    return replace(execution, interrupted_booking=row.booking)


def _replay(row: IdempotencyKey, token_for: TokenMaker) -> StoredResponse:
    if row.status is None or row.booking_id is None:
        raise ValueError(f"{row} has no response")
    if not row.body:
        raise ResponseErased
    return StoredResponse(row.status, row.body.replace(TOKEN_PLACEHOLDER, token_for(row.booking_id)), is_replay=True)


@contextmanager
def _lock_timeout_as_in_progress() -> Iterator[None]:
    # An INSERT waits for an uncommitted one with the same key. After lock_timeout, let the client wait and retry.
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise RequestInProgress(STILL_RUNNING) from error
        raise
