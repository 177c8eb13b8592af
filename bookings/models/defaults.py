"""Defaults and validators that applied migrations import. Their paths are permanent."""

from __future__ import annotations

import secrets
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator


def new_reference() -> str:
    """Return a random reference for people. It has no characters that look or sound alike."""
    return "BK-" + "".join(secrets.choice("ACDEFHJKMNPRTWXY3479") for _ in range(7))


WITHIN_A_YEAR = MaxValueValidator(366 * 24 * 60, "Enter at most one year: 527040 minutes.")


def validate_timezone(name: str) -> None:
    """Raise ValidationError unless ``name`` is in the IANA time zone database."""
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a valid time zone. Use a name such as Asia/Kolkata.")


def default_reminder_minutes() -> list[int]:
    """Return 24 hours and 2 hours before the visit."""
    return [24 * 60, 2 * 60]
