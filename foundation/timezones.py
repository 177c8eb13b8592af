"""Conversions between UTC and the local time of a location."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django import forms
from django.utils.formats import date_format


def format_local_time(at: datetime, zone: ZoneInfo, pattern: str = "D j M Y, H:i") -> str:
    """Format ``at`` for display, in the local time of ``zone``; with the UTC offset if that local time occurs twice."""
    local = at.astimezone(zone)
    text = date_format(local, pattern)
    occurs_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
    return f"{text} (UTC{local.isoformat()[-6:]})" if occurs_twice else text


def local_to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """Return a naive local time as UTC. For a fold (a local time that occurs twice), return the first.

    Raises ValidationError for a gap (a local time that a DST transition skips), and for dates out of range.
    """
    try:
        at = local.replace(tzinfo=zone).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) == local:
            return at
    except OverflowError as error:  # beyond the dates that Python can represent
        raise forms.ValidationError("That date is out of range. Pick another one.") from error
    raise forms.ValidationError("This time does not exist: the clocks skip it when DST begins. Pick another time.")
