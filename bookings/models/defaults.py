"""Defaults and validators that migrations import, so their import paths must not change."""

from __future__ import annotations

import secrets
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator


def new_reference() -> str:
    """Return a random booking reference without characters that look alike, such as 0 and O."""
    return "BK-" + "".join(secrets.choice("ACDEFHJKMNPRTWXY3479") for _ in range(7))


WITHIN_A_YEAR = MaxValueValidator(366 * 24 * 60, "Enter at most one year: 527040 minutes.")


def validate_timezone(name: str) -> None:
    """Raise ValidationError unless ``name`` is in the IANA time zone database."""
    if name not in available_timezones():
        raise ValidationError(f"{name} is not a valid time zone. Use a name such as Asia/Kolkata.")


def default_reminder_minutes() -> list[int]:
    """Return the minutes before the visit at which to send reminders: 24 hours and 2 hours."""
    return [24 * 60, 2 * 60]
