"""Manage tokens: each gives the customer access to one booking. The database stores only a hash."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from uuid import UUID

from foundation.keyed_hash import keyed_digest, secret_keys

TokenMaker = Callable[[UUID], str]


def random_token(booking_id: UUID) -> str:
    """Return a random token, which cannot be regenerated."""
    return secrets.token_urlsafe(24)


def derived_token(booking_id: UUID, *, key: str, token_hash: str = "") -> str:
    """Return the token of a booking created with an idempotency key.

    A replay of the key derives the same token, under the SECRET_KEY of that time: the one that matches ``token_hash``.
    """
    digests = (keyed_digest(secret_key, f"manage:{booking_id}:{key}") for secret_key in secret_keys())
    tokens = [urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in digests]
    return next((token for token in tokens if hash_token(token) == token_hash), tokens[0])


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
