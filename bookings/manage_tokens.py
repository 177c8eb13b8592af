"""What opens a booking to the customer who made it. The database holds only a hash of it."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from uuid import UUID

from django.conf import settings

TokenMaker = Callable[[UUID], str]


def random_token(booking_id: UUID) -> str:
    """Return a token that nobody can make again."""
    return secrets.token_urlsafe(24)


def derived_token(booking_id: UUID, *, key: str) -> str:
    """Return the token of a booking made under an Idempotency-Key: whoever repeats the key is shown it again."""
    message = f"manage:{booking_id}:{key}".encode()
    digest = hmac.digest(settings.SECRET_KEY.encode(), message, "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
