from datetime import time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.exceptions import SlotTaken
from bookings.models import ScheduleException, WorkingHours
from bookings.operations import reschedule_booking
from bookings.scheduling.alternatives import find_alternatives
from bookings.scheduling.availability import find_free_slots
from tests.builders.bookings import CUSTOMER_ACTOR, DESK, make_booking, make_class, make_room, make_service, slot

pytestmark = pytest.mark.django_db


def close_days(service, first, last, **fields):
    """Close the location from day ``first`` to day ``last``, counted from today, inclusive."""
    ScheduleException.objects.create(
        location=service.location, starts_at=slot(hour=0, days=first), ends_at=slot(hour=0, days=last + 1), **fields
    )


def make_daily_service(**fields):
    """Create a service with a single slot a day, at ten."""
    service = make_service(duration_minutes=60, slot_interval_minutes=60, **fields)
    WorkingHours.objects.update(opens_at=time(10), closes_at=time(11))
    return service


@pytest.mark.parametrize("days", [1, 4, 40, 89])
def test_alternatives_are_the_nearest_ones_however_far_they_are(days):
    service = make_daily_service()
    close_days(service, -1, days - 1)

    expected = [slot(days=number) for number in range(days, min(days + 3, 91))]
    assert find_alternatives(service, slot(days=0), None, 1) == [start for start in expected if start <= horizon()]


def horizon():
    return timezone.now() + timedelta(days=90)


@pytest.mark.parametrize(("closed_before", "closed_after"), [(0, 20), (20, 0), (16, 17), (17, 16), (20, 20)])
def test_alternatives_are_before_and_after_the_slot(closed_before, closed_after):
    """They are nearest on both sides together: those of one side, where they are nearer than any of the other."""
    service = make_daily_service()
    middle = 45
    close_days(service, middle - closed_before, middle + closed_after)

    nearest = find_alternatives(service, slot(days=middle), None, 1)

    every = [free.starts_at for free in find_free_slots(service, slot(days=0).date(), slot(days=91).date())]
    distances = sorted(abs(start - slot(days=middle)) for start in every)
    assert [
        abs(start - slot(days=middle)) for start in sorted(nearest, key=lambda at: abs(at - slot(days=middle)))
    ] == (distances[:3])
    assert nearest == sorted(nearest)


def test_alternatives_on_one_side_do_not_hide_nearer_ones_that_are_searched_later():
    """The first days that are searched have free slots three and a half days before, and none after."""
    service = make_service(duration_minutes=15)
    WorkingHours.objects.update(opens_at=time(0), closes_at=time(1))
    close_days(service, 18, 23)

    nearest = find_alternatives(service, slot(hour=17, days=20), None, 1)

    assert nearest == [slot(hour=0, minute=minute, days=24) for minute in (0, 15, 30)]


def test_alternatives_stay_within_notice_and_horizon():
    service = make_daily_service(min_notice_minutes=5 * 24 * 60, horizon_days=7)

    nearest = find_alternatives(service, slot(days=1), None, 1)

    assert nearest == [slot(days=number) for number in range(5, 8) if is_bookable(slot(days=number), 5, 7)]
    assert find_alternatives(service, slot(days=300), None, 1) == nearest
    assert find_alternatives(make_service(slug="never", min_notice_minutes=1440, horizon_days=0), slot(), None, 1) == []


def is_bookable(start, first, last):
    return timedelta(days=first) <= start - timezone.now() <= timedelta(days=last)


def test_alternatives_are_for_the_requested_resource_and_the_whole_party():
    service = make_class(resources=2, capacity=4, duration_minutes=60, slot_interval_minutes=60)
    WorkingHours.objects.update(opens_at=time(10), closes_at=time(11))
    first, last = service.resources.order_by("pk")
    for resource, days, party_size in ((first, 1, 4), (first, 2, 2), (last, 3, 4)):
        make_booking(service, starts_at=slot(days=days), resource=resource, party_size=party_size)

    with pytest.raises(SlotTaken) as refusal:
        make_booking(service, starts_at=slot(days=1), resource=first, party_size=3)

    dates = {start.date() for start in refusal.value.alternatives}
    assert slot(days=2).date() not in dates
    assert slot(days=3).date() in dates


def test_alternatives_for_a_reschedule_count_the_own_slot_as_free():
    service = make_service(duration_minutes=60, slot_interval_minutes=15)
    WorkingHours.objects.update(opens_at=time(9), closes_at=time(12))
    make_booking(service, starts_at=slot(hour=11))
    booking = make_booking(service, starts_at=slot(hour=9, minute=45))

    with pytest.raises(SlotTaken) as refusal:
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=10, minute=15), actor=CUSTOMER_ACTOR)

    assert refusal.value.alternatives == [slot(hour=9, minute=15), slot(hour=9, minute=30), slot(hour=10)]


def test_alternatives_for_a_reschedule_to_another_room_include_the_own_time():
    service = make_service(duration_minutes=60, slot_interval_minutes=60, buffer_after_minutes=0)
    rooms = [make_room(service, f"Room {name}") for name in "AB"]
    booking = make_booking(service, starts_at=slot(hour=10), resource=rooms[0])
    other = make_service(slug="other", duration_minutes=60)
    other.resources.add(rooms[1])
    make_booking(other, starts_at=slot(hour=11), resource=rooms[1])

    with pytest.raises(SlotTaken) as refusal:
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=11), resource=rooms[1], actor=DESK)

    assert slot(hour=10) in refusal.value.alternatives


@pytest.mark.parametrize("horizon_days", [90, 400])
def test_alternatives_search_is_bounded(horizon_days):
    """With nothing free at all, the number of queries grows with the logarithm of the horizon."""
    service = make_daily_service(horizon_days=horizon_days)
    close_days(service, -1, horizon_days + 1)

    with CaptureQueriesContext(connection) as queries:
        assert find_alternatives(service, slot(days=1), None, 1) == []

    assert len(queries) <= 1 + 3 * 9


def test_alternatives_near_the_slot_take_one_search():
    service = make_service()

    with CaptureQueriesContext(connection) as queries:
        find_alternatives(service, slot(days=10), None, 1)

    assert len(queries) == 4
