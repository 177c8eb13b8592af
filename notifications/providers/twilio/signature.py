"""Verify that Twilio signed a callback."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from twilio.request_validator import RequestValidator


def is_callback_signature_valid(*, full_path: str, fields: dict[str, Any], signature: str) -> bool:
    """Whether Twilio signed this callback. The URL is the public one that we gave it, never the request's own host."""
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    return bool(validator.validate(f"{settings.PUBLIC_BASE_URL}{full_path}", fields, signature))
