from datetime import time

import pytest

from bookings.models import Location, WorkingHours

MONDAY, TUESDAY, SUNDAY = 0, 1, 6


def hours(weekday, opens_at, closes_at, zone="Asia/Kolkata"):
    return WorkingHours(
        location=Location(timezone=zone),
        weekday=weekday,
        opens_at=time.fromisoformat(opens_at),
        closes_at=time.fromisoformat(closes_at),
    )


@pytest.mark.parametrize(
    ("opens_at", "closes_at", "text"),
    [
        ("09:00", "18:00", "Monday 09:00–18:00"),
        ("09:00", "00:00", "Monday 09:00–24:00"),
        ("00:00", "00:00", "Monday 00:00–24:00"),
        ("22:00", "02:00", "Monday 22:00–02:00 the next day"),
        ("06:00", "06:00", "Monday 06:00–06:00 the next day"),
    ],
)
def test_hours_are_written_with_the_day_on_which_they_end(opens_at, closes_at, text):
    assert str(hours(MONDAY, opens_at, closes_at)) == text


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((MONDAY, "09:00", "12:00"), (MONDAY, "11:00", "13:00"), True),
        ((MONDAY, "09:00", "12:00"), (MONDAY, "12:00", "13:00"), False),
        ((MONDAY, "09:00", "12:00"), (TUESDAY, "09:00", "12:00"), False),
        ((MONDAY, "09:00", "18:00"), (MONDAY, "10:00", "11:00"), True),
        ((MONDAY, "22:00", "02:00"), (TUESDAY, "01:00", "05:00"), True),
        ((MONDAY, "22:00", "02:00"), (TUESDAY, "02:00", "05:00"), False),
        ((MONDAY, "22:00", "00:00"), (TUESDAY, "00:00", "02:00"), False),
        ((SUNDAY, "22:00", "02:00"), (MONDAY, "01:00", "05:00"), True),
        ((SUNDAY, "22:00", "00:00"), (MONDAY, "00:00", "05:00"), False),
        ((MONDAY, "06:00", "06:00"), (TUESDAY, "05:00", "06:00"), True),
        ((MONDAY, "06:00", "06:00"), (TUESDAY, "06:00", "06:00"), False),
        # 13:30 in Kolkata is 09:00 in Berlin in winter and 10:00 in summer.
        ((MONDAY, "12:30", "13:30"), (MONDAY, "09:00", "10:00", "Europe/Berlin"), True),
        ((MONDAY, "11:30", "12:30"), (MONDAY, "09:00", "10:00", "Europe/Berlin"), False),
        ((MONDAY, "09:00", "10:00", "Europe/Berlin"), (MONDAY, "14:30", "15:30"), False),
        ((MONDAY, "09:00", "10:00", "America/New_York"), (MONDAY, "14:30", "14:45", "Europe/Berlin"), True),
    ],
)
def test_hours_overlap_if_some_time_of_the_week_is_in_both(first, second, expected):
    assert hours(*first).overlaps(hours(*second)) is expected
    assert hours(*second).overlaps(hours(*first)) is expected
