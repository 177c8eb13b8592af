"""Conversions between UTC and the local time of a location."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django import forms
from django.utils.formats import date_format


def format_local_time(at: datetime, zone: ZoneInfo) -> str:
    """Return a time as the clocks of ``zone`` show it."""
    return date_format(at.astimezone(zone), "D j M Y, H:i")


def local_to_utc(told: datetime, zone: ZoneInfo) -> datetime:
    """Return when, in UTC, the clock on a wall shows a time. Raises ValidationError if it never does."""
    try:
        moment = told.replace(tzinfo=zone).astimezone(UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == told:
            return moment
    except OverflowError as error:  # at an end of Python's calendar
        raise forms.ValidationError("No calendar goes that far. Pick another time.") from error
    raise forms.ValidationError("The clocks are put forward that night and leap over this time. Pick another.")
