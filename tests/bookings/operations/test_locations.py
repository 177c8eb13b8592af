from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookings.models import Location, ScheduleException
from bookings.operations import update_location

pytestmark = pytest.mark.django_db


def make_exception(location, starts_at, duration=timedelta(hours=1)):
    return ScheduleException.objects.create(location=location, starts_at=starts_at, ends_at=starts_at + duration)


def correct_zone(location, name):
    location.timezone = name
    update_location(location=location)


def test_update_location_keeps_the_local_times_of_its_exceptions():
    location, other = (Location.objects.create(name=name, timezone="Asia/Kolkata") for name in ("A", "B"))
    exception, of_other = (
        make_exception(row, datetime(2031, 12, 25, 18, tzinfo=row.zone)) for row in (location, other)
    )

    correct_zone(location, "America/New_York")

    exception.refresh_from_db()
    assert exception.starts_at == datetime(2031, 12, 25, 18, tzinfo=ZoneInfo("America/New_York"))
    assert exception.ends_at == datetime(2031, 12, 25, 19, tzinfo=ZoneInfo("America/New_York"))
    assert ScheduleException.objects.get(pk=of_other.pk).starts_at == of_other.starts_at


def test_update_location_without_a_new_zone_changes_no_exception():
    location = Location.objects.create(name="A", timezone="Europe/Berlin")
    second_half_past_two = datetime(2031, 10, 26, 2, 30, tzinfo=location.zone, fold=1).astimezone(UTC)
    exception = make_exception(location, second_half_past_two)

    location.name = "B"
    update_location(location=location)

    exception.refresh_from_db()
    assert (Location.objects.get().name, exception.starts_at) == ("B", second_half_past_two)


def test_update_location_keeps_an_exception_in_a_dst_gap():
    location = Location.objects.create(name="A", timezone="Asia/Kolkata")
    exception = make_exception(location, datetime(2031, 3, 30, 2, 30, tzinfo=location.zone), timedelta(minutes=30))

    correct_zone(location, "Europe/Berlin")

    exception.refresh_from_db()
    assert exception.ends_at - exception.starts_at == timedelta(minutes=30)


def test_update_location_saves_a_new_location():
    update_location(location=Location(name="A"))

    assert Location.objects.get().name == "A"
