"""Defaults and validators that applied migrations import. Their paths are permanent."""

from __future__ import annotations

import secrets
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator


def new_reference() -> str:
    """Return what people say on the phone: no letter or digit in it looks or sounds like another."""
    return "BK-" + "".join(secrets.choice("ACDEFHJKMNPRTWXY3479") for _ in range(7))


WITHIN_A_YEAR = MaxValueValidator(366 * 24 * 60, "Say at most a year: 527040 minutes.")


def validate_timezone(name: str) -> None:
    """Raise ValidationError unless ``name`` is in the IANA time zone database."""
    if name not in available_timezones():
        raise ValidationError(f"{name} is no time zone. Use a name like Asia/Kolkata.")


def default_reminder_minutes() -> list[int]:
    return [24 * 60, 2 * 60]
