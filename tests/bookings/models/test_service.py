from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from bookings.models import Location, ScheduleException, Service
from tests.builders.bookings import DESK, make_booking, make_service, next_dst_transitions

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("transition", [0, 1])
def test_duration_and_buffers_are_exact_across_a_dst_transition(transition):
    zone = ZoneInfo("Europe/Berlin")
    starts_at = datetime.combine(next_dst_transitions(zone)[transition] - timedelta(days=1), time(9), zone)
    service = make_service(duration_minutes=24 * 60, buffer_before_minutes=30)
    Location.objects.update(timezone=zone.key)
    ScheduleException.objects.create(
        location=service.location, starts_at=starts_at, ends_at=starts_at + timedelta(days=2), is_open=True
    )

    booking = make_booking(Service.objects.get(), starts_at=starts_at, actor=DESK)

    blocked = booking.allocations.get().blocked
    assert booking.ends_at - booking.starts_at.astimezone(UTC) == timedelta(hours=24)
    assert blocked.upper - blocked.lower == timedelta(hours=24, minutes=30)


def test_service_minutes_are_limited_to_a_year():
    service = make_service(cancel_cutoff_minutes=2_000_000_000, reminder_minutes=[2_000_000_000])

    with pytest.raises(ValidationError) as error:
        service.full_clean()

    assert set(error.value.message_dict) == {"cancel_cutoff_minutes", "reminder_minutes"}
