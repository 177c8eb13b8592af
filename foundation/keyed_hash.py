"""Hash values with SECRET_KEY, so that they can be compared but not found by trying all of them."""

import hmac

from django.conf import settings


def keyed_hash(purpose: str, value: str) -> str:
    """Return a hash, in hex, that differs by purpose. A new SECRET_KEY changes every hash."""
    return hmac.digest(settings.SECRET_KEY.encode(), f"{purpose}:{value}".encode(), "sha256").hex()
