"""Free slots, compared with a brute-force reference and with the bookings that are accepted."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bookings.exceptions import OutsideHours, PartyTooLarge, SlotTaken
from bookings.models import Booking, Location, Resource, ScheduleException, Service, WorkingHours
from bookings.operations import create_booking, reschedule_booking
from bookings.scheduling.availability import find_free_slots
from tests.bookings.scheduling.brute_force_availability import free_slots_by_brute_force
from tests.builders.bookings import (
    CUSTOMER,
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_service,
    next_dst_transitions,
    slot,
)

pytestmark = pytest.mark.django_db

REFUSALS = (OutsideHours, PartyTooLarge, SlotTaken)
# AVAILABILITY_EXAMPLES=300 tries that many examples per zone, different ones in each run.
EXAMPLES = int(os.environ.get("AVAILABILITY_EXAMPLES", "0"))
# Zones with DST transitions of an hour at night, of half an hour, at midnight, and without any.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo")
TRANSITIONS = [(zone, number) for zone in ZONES for number in (0, 1)] + [("Asia/Kolkata", 0)]

# DST transitions happen at night, so these hours let them affect most generated businesses.
NIGHTS = [(time(22, 30), time(5, 15))]
DAYS = [range(7), range(0, 7, 2), range(1, 7, 2)]


def quarter_hours(maximum: int, minimum: int = 0) -> st.SearchStrategy[int]:
    return st.integers(minimum, maximum // 15).map(lambda number: number * 15)


@st.composite
def hours(draw: st.DrawFn) -> list[tuple[time, time]]:
    """Up to three intervals of up to a day, many of them at night; some overlap or touch."""
    intervals = []
    for _ in range(draw(st.integers(0, 3))):
        opens_at = draw(st.one_of(quarter_hours(6 * 60), quarter_hours(23 * 60 + 45)))
        closes_at = opens_at + draw(st.one_of(quarter_hours(8 * 60, 1), quarter_hours(24 * 60, 1)))
        if draw(st.integers(0, 3)) == 0:
            closes_at = 24 * 60
        intervals.append((time(*divmod(opens_at, 60)), time(*divmod(closes_at % (24 * 60), 60))))
    return intervals


class GeneratedBusiness:
    """A business with two services that share resources, around a DST transition; some of it is at another location."""

    def __init__(self, draw: st.DrawFn, zone: str, number: int) -> None:
        self.draw = draw
        self.location = Location.objects.create(name="Here", timezone=zone)
        self.elsewhere = Location.objects.create(name="Elsewhere", timezone=draw(st.sampled_from([zone, *ZONES])))
        self.transition = next_dst_transitions(ZoneInfo(zone))[number]
        self.first = self.transition - timedelta(days=draw(st.integers(0, 1)))
        self.last = self.transition + timedelta(days=draw(st.integers(0, 1)))
        self.services = [self._service("one", self.location)]
        self.services.append(self._service("other", draw(st.sampled_from([self.location, self.elsewhere]))))
        self.resources = [self._resource(f"Staff {n}", "staff") for n in range(draw(st.integers(1, 3)))]
        self.resources += [self._resource(f"Room {n}", "room") for n in range(draw(st.integers(0, 2)))]
        for _ in range(draw(st.integers(0, 3))):
            self._exception()
        for _ in range(draw(st.integers(0, 8))):
            self._booking()
        self._change_services()

    def _service(self, slug: str, location: Location) -> Service:
        draw = self.draw
        days_ahead = (self.first - timezone.now().astimezone(location.zone).date()).days
        return Service.objects.create(
            location=location,
            slug=slug,
            name=slug,
            horizon_days=draw(st.sampled_from([400, 400, days_ahead, days_ahead + 1])),
            min_notice_minutes=self._notice(),
            requires_confirmation=False,
            duration_minutes=draw(st.sampled_from([15, 30, 45, 90])),
            slot_interval_minutes=draw(st.sampled_from([15, 30, 50, 60])),
            buffer_before_minutes=draw(st.sampled_from([0, 0, 10])),
            buffer_after_minutes=draw(st.sampled_from([0, 0, 30])),
            capacity=draw(st.sampled_from([1, 1, 4])),
            reminder_minutes=[],
        )

    def _notice(self) -> int:
        """Return a minimum notice that ends among the days, at no time at which a slot can start."""
        if self.draw(st.integers(0, 3)):
            return 0
        return (self._moment() - timezone.now()) // timedelta(minutes=1) + 7

    def _resource(self, name: str, kind: str) -> Resource:
        resource = Resource.objects.create(name=name, kind=kind, is_active=self.draw(st.integers(0, 9)) < 9)
        locations = [self.location, self.elsewhere] if self.draw(st.integers(0, 2)) == 0 else [self.location]
        resource.locations.set(locations)
        services = self.services if kind == "staff" else self.draw(st.sampled_from([self.services, self.services[:1]]))
        resource.services.set(services)
        for opens_at, closes_at in NIGHTS if name == "Staff 0" or self.draw(st.booleans()) else self.draw(hours()):
            location = self.draw(st.sampled_from([self.location, *locations]))
            WorkingHours.objects.bulk_create(
                WorkingHours(
                    resource=resource, location=location, weekday=weekday, opens_at=opens_at, closes_at=closes_at
                )
                for weekday in self.draw(st.sampled_from(DAYS))
            )
        return resource

    def _change_services(self) -> None:
        """Change capacity and duration after customers have booked."""
        for service in self.services:
            if self.draw(st.booleans()):
                service.capacity = self.draw(st.sampled_from([1, 2, 4, 6]))
                service.duration_minutes = self.draw(st.sampled_from([15, 30, 45, 90]))
                service.save()

    def _moment(self) -> datetime:
        midnight = datetime.combine(self.first - timedelta(days=1), time(0), self.location.zone)
        return midnight.astimezone(ZoneInfo("UTC")) + timedelta(minutes=self.draw(quarter_hours(4 * 24 * 60)))

    def _exception(self) -> None:
        starts_at = self._moment()
        if self.draw(st.booleans()):  # one or two whole days
            starts_at = datetime.combine(starts_at.astimezone(self.location.zone), time(0), self.location.zone)
            ends_at = starts_at + timedelta(days=self.draw(st.integers(1, 2)))
        else:
            ends_at = starts_at + timedelta(minutes=self.draw(quarter_hours(60 * 60, 1)))
        ScheduleException.objects.create(
            location=self.draw(st.sampled_from([self.location, self.location, self.elsewhere])),
            starts_at=starts_at.astimezone(UTC),
            ends_at=ends_at.astimezone(UTC),
            resource=self.draw(st.sampled_from([None, *self.resources])),
            is_open=self.draw(st.booleans()),
        )

    def _booking(self) -> None:
        service = self.draw(st.sampled_from(self.services))
        requested = self.draw(st.sampled_from([None, None, *self.resources]))
        offered = free_slots_by_brute_force(service, self.first, self.last, requested, 1)
        starts_at = self.draw(st.sampled_from(offered))[0] if offered else self._moment()
        party_size = self.draw(st.integers(1, service.capacity))
        zone = self.draw(st.sampled_from([UTC, self.location.zone]))
        with suppress(*REFUSALS):
            booking = create_booking(
                service=service,
                starts_at=starts_at.astimezone(zone),
                customer=CUSTOMER,
                actor=DESK,
                party_size=party_size,
                resource=requested,
            ).booking
            ends = timezone.now() + timedelta(hours=self.draw(st.sampled_from([-1, 1])))
            fields = self.draw(
                st.sampled_from(
                    [
                        {},
                        {"status": "held", "hold_expires_at": ends},
                        {"status": "pending", "answer_by": ends},
                    ]
                )
            )
            if fields:
                Booking.objects.filter(pk=booking.pk).update(**fields)


def list_offers(service, first, last, requested=None, party_size=1, booking=None):
    slots = find_free_slots(service, first, last, requested, party_size=party_size, booking=booking)
    return [
        (free.starts_at.astimezone(UTC), free.ends_at.astimezone(UTC), sorted(free.resources), free.places)
        for free in slots
    ]


def can_be_booked(service, starts_at, requested, party_size, rescheduled=None):
    """Return whether a customer can book, or reschedule to, that time with ``requested``, who then has it."""
    starts_at = starts_at.astimezone(service.location.zone)  # as the front desk enters it
    try:
        with transaction.atomic():
            if rescheduled is None:
                booking = create_booking(
                    service=service,
                    starts_at=starts_at,
                    resource=requested,
                    party_size=party_size,
                    customer=CUSTOMER,
                    actor=CUSTOMER_ACTOR,
                ).booking
            else:
                booking = reschedule_booking(
                    booking_id=rescheduled.pk, starts_at=starts_at, resource=requested, actor=CUSTOMER_ACTOR
                )
            assert requested is None or booking.occupies(requested)
            transaction.set_rollback(True)
    except REFUSALS:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(0 if EXAMPLES else 120)
@pytest.mark.parametrize(("zone", "number"), TRANSITIONS)
def test_free_slots_match_the_brute_force_reference_and_can_be_booked(zone, number):
    slot_counts = []

    @settings(
        max_examples=EXAMPLES or 12,
        deadline=None,
        derandomize=not EXAMPLES,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would build every business again
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(data=st.data())
    def compare(data):
        with transaction.atomic():
            slot_counts.append(compare_with_reference(GeneratedBusiness(data.draw, zone, number)))
            transaction.set_rollback(True)

    compare()

    assert sum(slot_counts) > 50  # without any free slots, the comparison would prove nothing


def compare_with_reference(business):
    """Compare the free slots with the reference, and some of them with bookings; return the number of free slots.

    In some of the businesses, for a booking that is to be rescheduled.
    """
    draw, service = business.draw, business.services[0]
    requested = draw(st.sampled_from([None, None, *business.resources]))
    party_size = draw(st.sampled_from([*range(1, service.capacity + 1), 1, service.capacity + 1]))
    rescheduled = draw(st.sampled_from([None, *Booking.objects.filter(service=service, status="confirmed")]))
    if rescheduled is not None:
        party_size = rescheduled.party_size

    # A start within seconds of the horizon could be within it in one of two computations, and outside in the other.
    horizon = timezone.now() + timedelta(days=service.horizon_days)

    def is_decided(starts_at: datetime) -> bool:
        return abs(starts_at - horizon) > timedelta(minutes=2)

    request = (requested, party_size, rescheduled)
    offered = list_offers(service, business.first, business.last, *request)
    expected = free_slots_by_brute_force(service, business.first, business.last, *request)

    assert [free for free in offered if is_decided(free[0])] == [free for free in expected if is_decided(free[0])]
    sample = draw(st.lists(st.sampled_from(offered), max_size=3)) if offered else []
    for starts_at, _, resource_keys, _ in filter(lambda free: is_decided(free[0]), sample):
        assert can_be_booked(service, starts_at, *request)
        if requested is None:
            for key in resource_keys:
                assert can_be_booked(service, starts_at, Resource.objects.get(pk=key), party_size, rescheduled)
    starts = {starts_at for starts_at, *_ in offered}
    starts |= {rescheduled.starts_at} if rescheduled else set()  # it may stay where it is
    moments = [business._moment(), business._moment()]
    moments += [starts_at + timedelta(minutes=draw(st.sampled_from([-60, -15, 10, 15]))) for starts_at, *_ in sample]
    for moment in filter(is_decided, moments):
        in_range = business.first <= moment.astimezone(business.location.zone).date() <= business.last
        if in_range and moment not in starts:
            assert not can_be_booked(service, moment, *request)
    return len(offered)


def test_free_slots_respect_minimum_notice_and_horizon():
    service = make_service(slot_interval_minutes=60, min_notice_minutes=24 * 60, horizon_days=3)
    today, later = slot(days=0).date(), slot(days=10).date()

    offered = [free.starts_at for free in find_free_slots(service, today, later)]

    now = timezone.now()
    assert offered[0] >= now + timedelta(hours=24)
    assert offered[-1] <= now + timedelta(days=3)
    assert {start.date() for start in offered} <= {slot(days=number).date() for number in range(1, 4)}


def test_opening_hours_keep_local_time_across_a_dst_transition():
    service = make_service(slot_interval_minutes=60, duration_minutes=60, horizon_days=400)
    service.location.timezone = "Europe/Berlin"
    service.location.save()
    WorkingHours.objects.update(closes_at=time(11))
    transition_day = next_dst_transitions(service.location.zone)[0]

    slots = find_free_slots(service, transition_day - timedelta(days=1), transition_day)

    local_times = [f"{free.starts_at.astimezone(service.location.zone):%d %H:%M}" for free in slots]
    day_before = transition_day - timedelta(days=1)
    assert local_times == [f"{day:%d} {hour}" for day in (day_before, transition_day) for hour in ("09:00", "10:00")]


def test_find_free_slots_query_count_is_constant():
    service = make_service(resources=1)
    day = slot().date()
    with CaptureQueriesContext(connection) as few:
        find_free_slots(service, day, day)

    crowded = make_service(resources=5, slug="crowded")
    for hour in (9, 10, 11):
        make_booking(crowded, starts_at=slot(hour=hour))
    with CaptureQueriesContext(connection) as many:
        find_free_slots(crowded, day, day + timedelta(days=30))

    assert len(many) == len(few) == 4


def allocate_past_year(resource):
    """Allocate every hour of the past year: about 9,000 rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO bookings_session (service_id, resource_id, starts_at, ends_at, booked)
               SELECT id, %s, now() - interval '1 year', now() - interval '364 days', 1 FROM bookings_service
               RETURNING id""",
            [resource.pk],
        )
        (session,) = cursor.fetchone()
        cursor.execute(
            """INSERT INTO bookings_allocation (session_id, resource_id, is_active, blocked)
               SELECT %s, %s, true, tstzrange(at, at + interval '30 minutes')
               FROM generate_series(now() - interval '1 year', now() - interval '2 hours', interval '1 hour') at""",
            [session, resource.pk],
        )
        cursor.execute("ANALYZE bookings_allocation")


def test_busy_intervals_query_uses_the_exclusion_index():
    """The index finds allocations by resource and time, so the query does not read past ones."""
    service = make_service()
    make_booking(service)
    allocate_past_year(service.resources.get())
    with CaptureQueriesContext(connection) as calls:
        find_free_slots(service, slot().date(), slot().date())
    busy = next(query["sql"] for query in calls if "range_agg" in query["sql"])

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {busy}")
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index Cond: ((int8range" in plan.partition("no_double_booking on ")[2], plan


def test_find_free_slots_returns_nothing_for_a_party_above_the_capacity():
    service = make_service()

    assert find_free_slots(service, slot().date(), slot().date(), party_size=2) == []
