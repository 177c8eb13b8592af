"""Times as the clock on the wall shows them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format


def wall_clock(at: datetime, zone: ZoneInfo) -> str:
    """Return a time as the clocks of ``zone`` show it."""
    return date_format(at.astimezone(zone), "D j M Y, H:i")
