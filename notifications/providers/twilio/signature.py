"""Verify that Twilio signed a request. Source: twilio.com/docs/usage/security."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from twilio.request_validator import RequestValidator


def is_configured() -> bool:
    """Return whether there is a token to verify signatures with. With a blank one, any caller could sign."""
    return bool(settings.TWILIO_AUTH_TOKEN.strip())


def is_callback_signature_valid(*, full_path: str, fields: Mapping[str, Any], signature: str) -> bool:
    """Return whether Twilio signed this request for our public URL. The host of the request itself is not trusted."""
    if not is_configured():
        return False
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    return bool(validator.validate(f"{settings.PUBLIC_BASE_URL}{full_path}", fields, signature))
