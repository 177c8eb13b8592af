"""Nights, and resources at several locations. Also see the comparison with the reference in test_availability.py."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bookings.exceptions import OutsideHours, SlotTaken
from bookings.models import Allocation, Location, Resource, ScheduleException, Service, WorkingHours
from bookings.operations import reschedule_booking
from bookings.scheduling.availability import find_free_slots
from bookings.scheduling.opening_hours import open_intervals
from tests.builders.bookings import (
    CUSTOMER,
    DESK,
    KOLKATA,
    add_hours,
    booking_request,
    make_booking,
    make_room,
    make_service,
    next_dst_transitions,
    slot,
    try_to_book,
)

pytestmark = pytest.mark.django_db

TOMORROW, DAY_AFTER = slot(days=1).date(), slot(days=2).date()


def open_at_night(opens_at, closes_at, **fields):
    """Create a service that is offered daily during these hours."""
    service = make_service(**{"duration_minutes": 60, "slot_interval_minutes": 60, **fields})
    WorkingHours.objects.update(opens_at=opens_at, closes_at=closes_at)
    return service


def offers(service, first=TOMORROW, last=TOMORROW):
    """Return the local times of the free slots, and assert that each of them can be booked."""
    starts = [free.starts_at for free in find_free_slots(service, first, last)]
    assert starts == sorted(starts)
    return [f"{start:%H:%M}" for start in starts]


def is_offered_and_bookable(service, starts_at):
    """Return whether a customer can book the time. Availability and reservation must agree."""
    local = starts_at.astimezone(service.location.zone)
    is_offered = any(free.starts_at == starts_at for free in find_free_slots(service, local.date(), local.date()))
    try:
        make_booking(service, starts_at=starts_at)
    except (OutsideHours, SlotTaken):
        assert not is_offered
        return False
    assert is_offered
    return True


def test_hours_to_midnight_include_the_last_slot_of_the_day():
    service = open_at_night(time(21), time(0))

    assert offers(service) == ["21:00", "22:00", "23:00"]
    assert is_offered_and_bookable(service, slot(hour=23))


def test_hours_of_the_whole_day_have_slots_across_midnight():
    service = open_at_night(time(0), time(0))

    assert len(offers(service)) == 24
    service.slot_interval_minutes = 30
    service.save()
    assert is_offered_and_bookable(service, slot(hour=23, minute=30))


def test_slots_of_a_night_count_from_its_opening():
    service = open_at_night(time(22, 10), time(2), slot_interval_minutes=50)

    # From 22:10 of the day before, and from 22:10.
    assert offers(service) == ["00:40", "22:10", "23:00", "23:50"]
    assert is_offered_and_bookable(service, slot(hour=0, minute=40))
    assert not is_offered_and_bookable(service, slot(hour=0, minute=50, days=2))


def test_night_belongs_to_the_weekday_on_which_it_begins():
    service = open_at_night(time(22), time(2))
    WorkingHours.objects.exclude(weekday=TOMORROW.weekday()).delete()

    assert offers(service, TOMORROW, DAY_AFTER) == ["22:00", "23:00", "00:00", "01:00"]
    assert not is_offered_and_bookable(service, slot(hour=1))
    assert is_offered_and_bookable(service, slot(hour=1, days=2))


def test_hours_that_touch_at_midnight_are_one_opening_for_a_visit():
    service = open_at_night(time(22), time(0), slot_interval_minutes=30)
    add_hours(service.resources.get(), service.location, time(0), time(1))

    assert offers(service) == ["00:00", "22:00", "22:30", "23:00", "23:30"]
    assert is_offered_and_bookable(service, slot(hour=23, minute=30))


def test_holiday_closes_its_own_day_including_the_night_before():
    service = open_at_night(time(22), time(2))
    holiday = slot(hour=0, days=2)
    ScheduleException.objects.create(
        location=service.location, starts_at=holiday, ends_at=holiday + timedelta(days=1), reason="Diwali"
    )

    last = DAY_AFTER + timedelta(days=1)
    assert offers(service, TOMORROW, last) == ["00:00", "01:00", "22:00", "23:00", "00:00", "01:00", "22:00", "23:00"]
    assert not is_offered_and_bookable(service, slot(hour=0, days=2))
    assert not is_offered_and_bookable(service, slot(hour=22, days=2))
    assert is_offered_and_bookable(service, slot(hour=0, days=3))


def test_extra_hours_across_midnight_count_slots_from_their_start():
    service = open_at_night(time(9), time(10))
    ScheduleException.objects.create(
        location=service.location, is_open=True, starts_at=slot(hour=22, minute=30), ends_at=slot(hour=2, days=2)
    )

    assert offers(service, TOMORROW, DAY_AFTER) == ["09:00", "22:30", "23:30", "00:30", "09:00"]
    assert is_offered_and_bookable(service, slot(hour=0, minute=30, days=2))


def test_extra_hours_leave_the_slots_of_the_weekly_hours_as_they_are():
    service = open_at_night(time(9), time(12))
    ScheduleException.objects.create(
        location=service.location, is_open=True, starts_at=slot(hour=7, minute=30), ends_at=slot(hour=14, days=2)
    )

    morning = offers(service)[:5]
    assert morning == ["07:30", "08:30", "09:00", "10:00", "11:00"]


def test_buffers_of_a_night_block_the_time_before_it():
    service = open_at_night(time(22), time(3), buffer_before_minutes=30)
    make_booking(service, starts_at=slot(hour=0))

    assert not is_offered_and_bookable(service, slot(hour=1))
    assert is_offered_and_bookable(service, slot(hour=2))


def test_horizon_ends_within_a_night():
    service = open_at_night(time(0), time(0), horizon_days=1)
    starts = [free.starts_at for free in find_free_slots(service, slot(days=0).date(), slot(days=5).date())]

    latest = datetime.now(KOLKATA) + timedelta(days=1)
    assert latest - timedelta(hours=1) < starts[-1] <= latest


@pytest.mark.parametrize(
    ("zone", "day", "opens_at", "closes_at", "hours"),
    [
        ("Europe/Berlin", date(2031, 3, 29), time(22), time(4), 5),
        ("Europe/Berlin", date(2031, 10, 25), time(22), time(4), 7),
        ("Europe/Berlin", date(2031, 3, 29), time(22), time(0), 2),
        ("Australia/Lord_Howe", date(2031, 4, 5), time(22), time(4), 6.5),
        # There is no midnight, or 23:00 occurs twice.
        ("America/Santiago", date(2031, 9, 6), time(22), time(0), 2),
        ("America/Santiago", date(2031, 4, 5), time(22), time(0), 3),
        ("Africa/Cairo", date(2031, 4, 24), time(22), time(2), 3),
    ],
)
def test_night_of_a_dst_transition_keeps_its_local_times(zone, day, opens_at, closes_at, hours):
    location = Location.objects.create(name="Anywhere", timezone=zone)
    resource = Resource.objects.create(name="Asha")
    resource.locations.add(location)
    WorkingHours.objects.create(
        resource=resource, location=location, weekday=day.weekday(), opens_at=opens_at, closes_at=closes_at
    )

    ((start, end),) = open_intervals(location, [resource], day, day + timedelta(days=1))[resource.pk]

    assert start == datetime.combine(day, opens_at, ZoneInfo(zone)).astimezone(UTC)
    assert (end - start) / timedelta(hours=1) == hours


def test_slots_of_the_hour_that_occurs_twice_have_their_own_offsets(api):
    service = open_at_night(time(0), time(0), horizon_days=400, slot_interval_minutes=30)
    berlin = ZoneInfo("Europe/Berlin")
    Location.objects.update(timezone=berlin.key)
    (day,) = (day for day in next_dst_transitions(berlin) if day.month == 10)

    slots = api.get(f"/services/{service.slug}/availability", {"from": day, "to": day}).json()["slots"]
    twice = [offered["starts_at"] for offered in slots if "T02:30" in offered["starts_at"]]
    bodies = [booking_request(service, starts_at=start) for start in twice]
    bookings = [api.post("/bookings/", body, format="json").json() for body in bodies]

    assert twice == [f"{day}T02:30:00+02:00", f"{day}T02:30:00+01:00"]
    assert [booking["starts_at"] for booking in bookings] == twice


def test_opening_hours_do_not_depend_on_the_requested_days():
    """What happened before the requested days decides where the openings began that last until then."""
    service = open_at_night(time(9), time(10), slot_interval_minutes=50)
    doctor = service.resources.get()
    WorkingHours.objects.exclude(weekday=TOMORROW.weekday()).delete()
    for ahead, opens_at, closes_at in ((7, 20, 8), (8, 7, 7), (8, 23, 3)):  # each overlaps the one before
        weekday = slot(days=ahead).weekday()
        WorkingHours.objects.create(
            resource=doctor,
            location=service.location,
            weekday=weekday,
            opens_at=time(opens_at),
            closes_at=time(closes_at),
        )
    for is_open, starts_at, ends_at in (
        (True, slot(hour=9, minute=30), slot(hour=12, days=6)),
        (False, slot(hour=7, days=4), slot(hour=7, minute=20, days=4)),
        (False, slot(hour=23, days=7), slot(hour=23, minute=20, days=7)),
    ):
        ScheduleException.objects.create(
            location=service.location, is_open=is_open, starts_at=starts_at, ends_at=ends_at
        )
    days = [TOMORROW + timedelta(days=number) for number in range(10)]

    day_by_day = [free for day in days for free in find_free_slots(service, day, day)]

    assert day_by_day == find_free_slots(service, days[0], days[-1])
    for free in day_by_day[::13]:
        assert is_offered_and_bookable(service, free.starts_at)


@pytest.fixture
def elsewhere():
    return Location.objects.create(name="Lotus Berlin", timezone="Europe/Berlin")


def offer_elsewhere(service, location, **fields):
    """Create the same service at another location, with the same resources."""
    other = Service.objects.create(
        location=location, slug=f"{service.slug}-elsewhere", name=service.name, duration_minutes=30, reminder_minutes=[]
    )
    other.resources.set(service.resources.all())
    for resource in service.resources.all():
        resource.locations.add(location)
    return other


def test_resource_at_two_locations_is_booked_once(elsewhere):
    """She works at both, one after the other, in the hours of each location."""
    here = make_service()
    there = offer_elsewhere(here, elsewhere)
    doctor = here.resources.get()
    local = datetime.combine(TOMORROW, time(18), elsewhere.zone)
    add_hours(doctor, elsewhere, time(18), time(20))

    assert is_offered_and_bookable(here, slot(hour=10))
    assert not is_offered_and_bookable(there, slot(hour=11))
    assert not is_offered_and_bookable(there, local.replace(hour=10))
    assert is_offered_and_bookable(there, local)
    assert not is_offered_and_bookable(here, local)
    assert not is_offered_and_bookable(here, slot(hour=18))
    assert set(Allocation.objects.values_list("resource", flat=True)) == {doctor.pk}


def test_equipment_at_two_locations_is_booked_once(elsewhere):
    here = make_service(resources=2)
    there = offer_elsewhere(here, elsewhere)
    for doctor in here.resources.all():
        WorkingHours.objects.filter(resource=doctor).update(opens_at=time(0), closes_at=time(0))
    nurse = there.resources.last()
    nurse.working_hours.update(location=elsewhere)
    laser = make_room(here, "Laser")
    laser.locations.add(elsewhere)
    laser.services.add(there)

    booking = make_booking(here, starts_at=slot())

    assert not is_offered_and_bookable(there, slot())
    assert is_offered_and_bookable(there, slot(hour=11))
    with pytest.raises(SlotTaken):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=11), actor=DESK)


def test_holiday_closes_only_its_location(elsewhere):
    here = make_service()
    there = offer_elsewhere(here, elsewhere)
    here.resources.get().working_hours.filter(weekday=TOMORROW.weekday()).update(location=elsewhere)
    ScheduleException.objects.create(location=here.location, starts_at=slot(hour=0), ends_at=slot(hour=23))

    assert is_offered_and_bookable(there, datetime.combine(TOMORROW, time(12), elsewhere.zone))
    ScheduleException.objects.create(location=elsewhere, starts_at=slot(hour=0), ends_at=slot(hour=23))
    assert not is_offered_and_bookable(there, datetime.combine(TOMORROW, time(13), elsewhere.zone))


def test_time_off_counts_at_every_location(elsewhere):
    here = make_service()
    there = offer_elsewhere(here, elsewhere)
    doctor = here.resources.get()
    doctor.working_hours.update(location=elsewhere)
    ScheduleException.objects.create(
        location=here.location, resource=doctor, starts_at=slot(hour=0), ends_at=slot(hour=0, days=2)
    )

    assert not is_offered_and_bookable(there, datetime.combine(TOMORROW, time(12), elsewhere.zone))
    assert is_offered_and_bookable(there, datetime.combine(DAY_AFTER, time(12), elsewhere.zone))


def test_extra_hours_are_at_their_location_and_close_the_others(elsewhere):
    here = make_service()
    there = offer_elsewhere(here, elsewhere)
    ScheduleException.objects.create(
        location=elsewhere,
        resource=here.resources.get(),
        is_open=True,
        starts_at=slot(hour=12),
        ends_at=slot(hour=14),
    )

    assert not is_offered_and_bookable(here, slot(hour=13))
    assert is_offered_and_bookable(here, slot(hour=14))
    assert is_offered_and_bookable(there, slot(hour=13))


def test_staff_book_a_resource_only_where_its_hours_are(elsewhere):
    here = make_service()
    there = offer_elsewhere(here, elsewhere)

    with pytest.raises(OutsideHours):
        make_booking(there, starts_at=slot(), actor=DESK)
    assert try_to_book(here, starts_at=slot(), actor=DESK, customer=CUSTOMER)
