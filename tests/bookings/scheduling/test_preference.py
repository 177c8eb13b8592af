from datetime import time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bookings.models import Resource, ScheduleException, Service, Session
from bookings.operations import cancel_booking, complete_booking, reschedule_booking
from bookings.scheduling.preference import BOOKED_SECONDS
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_class,
    make_room,
    make_service,
    slot,
)
from tests.builders.clock import let_time_pass

pytestmark = pytest.mark.django_db


def book(service, *hours, **fields):
    """Book at these hours and return the names of the main resources."""
    return [make_booking(service, starts_at=slot(hour=hour), **fields).resource.name[-1] for hour in hours]


def doctors(service):
    return list(service.resources.filter(kind="staff").order_by("pk"))


def rooms_of(*bookings):
    return [booking.allocation_owner.allocations.get(resource__kind="room").resource.name[-1] for booking in bookings]


def test_any_resource_is_the_least_booked_one_of_that_day():
    service = make_service(resources=3)

    assert book(service, 9, 10, 11, 12, 13, 14) == ["0", "1", "2", "0", "1", "2"]


def test_any_resource_in_the_order_of_names_is_the_first_free_one():
    service = make_service(resources=2, resource_order=Service.ResourceOrder.BY_NAME)
    first, _ = doctors(service)
    Resource.objects.filter(pk=first.pk).update(name="Dr. Z 9")

    assert book(service, 9, 10, 10) == ["1", "1", "9"]


def test_least_booked_counts_the_booked_time_with_buffers_rather_than_visits():
    service = make_service(resources=2)
    long_visit = make_service(resources=0, slug="surgery", duration_minutes=60, buffer_after_minutes=45)
    first, second = doctors(service)
    long_visit.resources.add(first)
    make_booking(long_visit, starts_at=slot(hour=9))
    book(service, 9, 10, 11, resource=second)

    assert book(service, 14) == ["1"]  # 90 minutes rather than 105
    assert book(service, 15) == ["0"]


def test_least_booked_counts_only_that_day_of_the_location():
    """In India, 1:00 is still the day before in UTC."""
    service = make_service(resources=2)
    for resource in doctors(service):
        resource.working_hours.update(opens_at=time(0), closes_at=time(23, 45))
    first, _ = doctors(service)
    make_booking(service, starts_at=slot(hour=23), resource=first)
    make_booking(service, starts_at=slot(hour=1, days=3), resource=first)

    assert make_booking(service, starts_at=slot(hour=1, days=2)).resource == first


def test_least_booked_ignores_cancelled_bookings():
    service = make_service(resources=2)
    first, second = doctors(service)
    for hour in (9, 10):
        cancelled = make_booking(service, starts_at=slot(hour=hour), resource=first)
        cancel_booking(booking_id=cancelled.pk, actor=DESK)
    make_booking(service, starts_at=slot(hour=11), resource=second)

    assert book(service, 14) == ["0"]


def test_least_booked_counts_the_visits_of_the_day_that_are_over():
    service = make_service(resources=2)
    ScheduleException.objects.create(
        location=service.location, is_open=True, starts_at=slot(days=-1), ends_at=slot(days=3)
    )
    first, second = doctors(service)
    over = [make_booking(service, starts_at=slot(hour=hour), resource=first, actor=DESK) for hour in (9, 10)]
    over.append(make_booking(service, starts_at=slot(hour=9), resource=second, actor=DESK))
    let_time_pass(timedelta(days=1))
    for booking in over:
        complete_booking(booking_id=booking.pk, actor=DESK)

    assert make_booking(service, starts_at=timezone.now(), actor=DESK).resource == second


def test_least_booked_applies_to_rooms():
    service = make_service(resources=2)
    for name in "AB":
        make_room(service, f"Room {name}")

    bookings = [make_booking(service, starts_at=slot(hour=hour)) for hour in (9, 10, 11, 12)]

    assert rooms_of(*bookings) == ["A", "B", "A", "B"]


def test_requested_doctor_gets_the_least_booked_room():
    service = make_service(resources=2)
    for name in "AB":
        make_room(service, f"Room {name}")
    first, _ = doctors(service)

    bookings = [make_booking(service, starts_at=slot(hour=hour), resource=first) for hour in (9, 10, 11)]

    assert rooms_of(*bookings) == ["A", "B", "A"]


def test_rescheduled_booking_keeps_its_resources_although_others_are_less_booked():
    service = make_service(resources=2)
    for name in "AB":
        make_room(service, f"Room {name}")
    first, _ = doctors(service)
    make_booking(service, starts_at=slot(hour=9), resource=first)
    booking = make_booking(service, starts_at=slot(hour=10), resource=first)
    room = rooms_of(booking)
    make_booking(service, starts_at=slot(hour=11), resource=first)

    rescheduled = reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    assert (rescheduled.resource, rooms_of(rescheduled)) == (first, room)


def test_class_fills_a_session_before_the_next_one_starts_with_the_least_booked_teacher():
    service = make_class(resources=2, capacity=2)

    assert book(service, 10, 10, 10, 15) == ["0", "0", "1", "0"]
    assert book(service, 10) == ["1"]


def test_class_joins_the_session_of_the_least_booked_teacher():
    service = make_class(resources=2)
    first, second = doctors(service)
    for resource in (first, second):
        make_booking(service, resource=resource)
    make_booking(service, resource=first, starts_at=slot(hour=15))

    assert make_booking(service).resource == second
    assert sorted(Session.objects.filter(starts_at=slot()).values_list("booked", flat=True)) == [1, 2]


@pytest.mark.parametrize(
    ("fields", "statements"),
    [
        ({"resources": 1}, 0),
        ({"resources": 2}, 1),
        ({"resources": 2, "resource_order": Service.ResourceOrder.BY_NAME}, 0),
    ],
    ids=["one candidate", "two candidates", "by name"],
)
def test_booked_time_is_read_only_where_it_makes_a_difference(fields, statements):
    service = make_service(**fields)

    with CaptureQueriesContext(connection) as queries:
        make_booking(service)

    assert count_reads(queries) == statements


def test_booked_time_is_not_read_for_a_requested_resource_or_the_only_free_one():
    service = make_service(resources=2)
    first, _ = doctors(service)

    with CaptureQueriesContext(connection) as queries:
        make_booking(service, resource=first)
        booking = make_booking(service)
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=15), actor=CUSTOMER_ACTOR)

    assert count_reads(queries) == 0


def count_reads(queries):
    start = BOOKED_SECONDS.strip().partition("(")[0]
    return sum(query["sql"].strip().startswith(start) for query in queries)
