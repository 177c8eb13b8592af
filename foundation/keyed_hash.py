"""Hash values with SECRET_KEY, so that they can be compared but not found by trying all of them."""

import hmac

from django.conf import settings


def keyed_hash(purpose: str, value: str) -> str:
    """Return a hash, in hex, that differs by purpose. Store it, and compare stored ones with ``keyed_hashes``."""
    return keyed_hashes(purpose, value)[0]


def keyed_hashes(purpose: str, value: str) -> tuple[str, ...]:
    """Return the hash under SECRET_KEY, and then under each earlier key: a stored hash may be of any of them."""
    return tuple(keyed_digest(key, f"{purpose}:{value}").hex() for key in secret_keys())


def secret_keys() -> list[str]:
    """Return SECRET_KEY, and the earlier keys that are still valid."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def keyed_digest(key: str, message: str) -> bytes:
    return hmac.digest(key.encode(), message.encode(), "sha256")
