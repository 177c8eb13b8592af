"""The database's clock, which all hosts share. It decides what is due, overdue or too late."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger(__name__)

TOLERANCE = timedelta(seconds=2)

_offset = timedelta(0)  # how far the database's clock is ahead of this host's


def database_now() -> datetime:
    """Return the current time by the database's clock, in UTC, as measured for this process's newest connection."""
    return _host_now() + _offset


def measure_offset(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Compare the clocks over a new connection; log a warning when the difference begins to exceed the tolerance."""
    global _offset
    before = _host_now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (database_time,) = cursor.fetchone()
    uncertainty = (_host_now() - before) / 2
    measured = database_time - before - uncertainty
    was_tolerable = abs(_offset) <= TOLERANCE
    _offset = measured if abs(measured) > uncertainty else timedelta(0)  # else both clocks may be equal
    if was_tolerable and abs(_offset) > TOLERANCE:
        log.warning(
            "This host's clock is %.1f s %s the database's, which decides about holds, cutoffs and tokens. "
            "Synchronize the clocks of both hosts (NTP).",
            abs(_offset.total_seconds()),
            "behind" if _offset > timedelta(0) else "ahead of",
        )


def _host_now() -> datetime:
    return datetime.now(UTC)
