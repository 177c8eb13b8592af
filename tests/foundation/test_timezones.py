from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from foundation.timezones import format_local_time


@pytest.mark.parametrize(
    ("zone", "at", "text"),
    [
        ("Europe/Berlin", datetime(2031, 10, 25, 23, 59, tzinfo=UTC), "Sun 26 Oct 2031, 01:59"),
        ("Europe/Berlin", datetime(2031, 10, 26, 0, 30, tzinfo=UTC), "Sun 26 Oct 2031, 02:30 (UTC+02:00)"),
        ("Europe/Berlin", datetime(2031, 10, 26, 1, 30, tzinfo=UTC), "Sun 26 Oct 2031, 02:30 (UTC+01:00)"),
        ("Europe/Berlin", datetime(2031, 10, 26, 2, 0, tzinfo=UTC), "Sun 26 Oct 2031, 03:00"),
        ("Europe/Berlin", datetime(2031, 3, 30, 1, 0, tzinfo=UTC), "Sun 30 Mar 2031, 03:00"),
        ("America/Santiago", datetime(2031, 4, 6, 3, 30, tzinfo=UTC), "Sat 5 Apr 2031, 23:30 (UTC-04:00)"),
        ("Asia/Kolkata", datetime(2031, 10, 26, 1, 30, tzinfo=UTC), "Sun 26 Oct 2031, 07:00"),
    ],
)
def test_local_time_names_its_offset_in_the_hour_that_occurs_twice(zone, at, text):
    assert format_local_time(at, ZoneInfo(zone)) == text
