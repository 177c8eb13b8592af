"""Identify a request that creates a booking: by its caller, its idempotency key, and the meaning of its body."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field, IntegerField, SkipField, empty
from rest_framework.relations import PrimaryKeyRelatedField, RelatedField
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from accounts.callers import Caller, caller_of
from bookings.api.serializers import BookingInputSerializer, CustomerInputSerializer
from bookings.exceptions import IdempotencyKeyMalformed
from foundation.keyed_hash import keyed_hashes

HEADER = "Idempotency-Key"
MAX_LENGTH = 255


@dataclass(frozen=True)
class KeyedRequest:
    """A request that takes effect once: who sent it where (``scopes``), and a hash of what it means.

    The first scope is of SECRET_KEY, the others of earlier keys. ``key`` is empty if the client sent none. The caller
    and the body are the key then, for a short time.
    """

    caller: Caller
    scopes: tuple[str, ...]
    fingerprint: str
    key: str = field(default="", repr=False)

    @property
    def key_hash(self) -> str:
        return _sha256(self.key) if self.key else self.fingerprint


def keyed_request(request: Request) -> KeyedRequest:
    """Return the request with its key. Raises IdempotencyKeyMalformed."""
    caller, path = caller_of(request), request.path_info
    booking_input = canonical_input(request.data)
    fingerprint = _sha256(json.dumps([request.method, path, booking_input], sort_keys=True, default=str))
    key = request.headers.get(HEADER)
    if key is None:
        return KeyedRequest(caller, tuple(f"without key {owner} {path}" for owner in caller.hashes), fingerprint)
    if not (0 < len(key) <= MAX_LENGTH and key.isascii() and key.isprintable()):
        raise IdempotencyKeyMalformed(
            f"{HEADER} must be 1 to {MAX_LENGTH} printable ASCII characters. Send a UUID, for example."
        )
    # Clients of one website may send weak keys, so an anonymous key belongs to the customer whom the body names.
    owners = customer_scopes(booking_input["customer"]) if caller.is_anonymous else caller.hashes
    return KeyedRequest(caller, tuple(f"{owner} {path}" for owner in owners), fingerprint, key)


def customer_scopes(customer: Any) -> tuple[str, ...]:
    """Return the scopes of the keys of a customer with this phone number and e-mail address."""
    contacts = [customer.get("phone"), customer.get("email")] if isinstance(customer, dict) else []
    return tuple(f"customer {contacts_hash}" for contacts_hash in keyed_hashes("customer", json.dumps(contacts)))


def canonical_input(data: Any) -> dict[str, Any]:
    """Return the body with one form for each meaning: phone formats, time offsets, defaults.

    It does not depend on the database, so a repeat means the same after the catalogue has changed. Invalid values stay
    as they are: validation refuses them.
    """
    serializer = _input_serializer()
    canonical = {name: _canonical(field, data.get(name, empty)) for name, field in serializer.fields.items()}
    return canonical | {"customer": _canonical_customer(data.get("customer"))}


def _canonical_customer(customer: Any) -> Any:
    if not isinstance(customer, dict):
        return customer
    fields = _customer_serializer().fields.items()
    canonical = {name: _canonical(field, customer.get(name, empty)) for name, field in fields}
    return canonical | {"email": str(canonical["email"] or "").lower()}


def _canonical(field: Field[Any, Any, Any, Any], value: Any) -> Any:
    if isinstance(field, PrimaryKeyRelatedField):
        field = IntegerField(required=False, allow_null=True, default=None)
    elif isinstance(field, RelatedField | Serializer):
        return None if value is empty else value
    try:
        validated = field.run_validation(value)
    except (ValidationError, SkipField):
        return None if value is empty else value
    if isinstance(validated, datetime) and validated.tzinfo is not None:
        return validated.astimezone(UTC).isoformat()
    return validated


@cache
def _input_serializer() -> BookingInputSerializer:
    # Building the fields takes longer than using them, so the process builds them once.
    return BookingInputSerializer()


@cache
def _customer_serializer() -> CustomerInputSerializer:
    return CustomerInputSerializer()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
