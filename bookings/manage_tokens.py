"""Manage tokens: each gives the customer access to one booking. The database stores only a hash."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from uuid import UUID

from django.conf import settings

TokenMaker = Callable[[UUID], str]


def random_token(booking_id: UUID) -> str:
    """Return a random token, which cannot be regenerated."""
    return secrets.token_urlsafe(24)


def derived_token(booking_id: UUID, *, key: str) -> str:
    """Return the token of a booking created with an idempotency key. A replay of the key derives the same token."""
    message = f"manage:{booking_id}:{key}".encode()
    digest = hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
