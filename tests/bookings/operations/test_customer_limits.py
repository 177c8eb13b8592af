"""Two bookings of one person at the same time, and limits per caller."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from accounts.callers import Caller
from accounts.operations import create_service_token
from bookings.exceptions import AlreadyBooked, TooManyOpenBookings, UnpaidHoldExists
from bookings.models import Booking
from bookings.operations import cancel_booking, reschedule_booking
from bookings.operations.customer_limits import lock_customer
from foundation.events import Actor, ActorKind
from tests.builders.accounts import make_staff
from tests.builders.bookings import (
    CUSTOMER,
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_class,
    make_hold,
    make_paid_service,
    make_service,
    slot,
)
from tests.builders.callers import OTHER_ADDRESS, anonymous_caller
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db

CALLER, OTHER_CALLER = anonymous_caller(), anonymous_caller(OTHER_ADDRESS)
OTHER_PHONE, OTHER_EMAIL = {"phone": "+919812340099"}, {"email": "other@example.com"}
SAME_EMAIL = {"email": "MEERA@example.com"}


@pytest.mark.parametrize(
    "change", [{}, OTHER_PHONE, OTHER_EMAIL, {**OTHER_PHONE, **SAME_EMAIL}, {"name": "meera IYER", **OTHER_PHONE}]
)
@pytest.mark.parametrize("minutes", [-20, 0, 20])
def test_overlapping_booking_of_the_same_person_by_the_same_caller_is_refused(change, minutes):
    make_booking(make_service(duration_minutes=30), caller=CALLER)
    other = make_service(slug="other", slot_interval_minutes=10)
    start = slot() + timedelta(minutes=minutes)

    with pytest.raises(AlreadyBooked):
        make_booking(other, caller=CALLER, customer={**CUSTOMER, **change}, starts_at=start)

    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    "change", [{"name": "Ravi"}, {**OTHER_PHONE, **OTHER_EMAIL}, {"name": "Ravi", **OTHER_PHONE, "email": ""}]
)
def test_overlapping_booking_of_another_person_is_allowed(change):
    service = make_service(resources=2)
    make_booking(service, caller=CALLER)

    assert make_booking(service, caller=CALLER, customer={**CUSTOMER, **change}).pk


def test_empty_email_does_not_make_two_customers_one_person():
    service = make_service(resources=2)
    make_booking(service, caller=CALLER, customer={**CUSTOMER, "email": ""})

    assert make_booking(service, caller=CALLER, customer={**CUSTOMER, **OTHER_PHONE, "email": ""}).pk


def test_customer_cannot_reschedule_to_the_time_of_another_own_booking():
    service = make_service(resources=2)
    make_booking(service, caller=CALLER, starts_at=slot(hour=12))
    booking = make_booking(service, caller=CALLER)

    with pytest.raises(AlreadyBooked):
        reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=12), actor=CUSTOMER_ACTOR)


@pytest.mark.parametrize(("caller", "actor"), [(OTHER_CALLER, CUSTOMER_ACTOR), (CALLER, DESK)])
def test_another_caller_and_staff_can_reschedule_to_the_time_of_another_booking(caller, actor):
    service = make_service(resources=2)
    make_booking(service, caller=CALLER, starts_at=slot(hour=12))
    booking = make_booking(service, caller=caller)

    assert reschedule_booking(booking_id=booking.pk, starts_at=slot(hour=12), actor=actor).starts_at == slot(hour=12)


def test_customer_can_reschedule_to_a_time_that_overlaps_the_earlier_one():
    booking = make_booking(make_service(duration_minutes=60), caller=CALLER)
    later = slot() + timedelta(minutes=30)

    assert reschedule_booking(booking_id=booking.pk, starts_at=later, actor=CUSTOMER_ACTOR).starts_at == later


@pytest.mark.parametrize("minutes", [-30, 30])
def test_adjacent_booking_of_the_same_person_is_allowed(minutes):
    service = make_service(duration_minutes=30)
    make_booking(service, caller=CALLER)

    assert make_booking(service, caller=CALLER, starts_at=slot() + timedelta(minutes=minutes)).pk


def test_overlapping_booking_by_another_or_unknown_caller_is_allowed():
    service = make_service(resources=4)
    make_booking(service)
    make_booking(service, caller=CALLER)

    assert make_booking(service, caller=OTHER_CALLER).pk
    assert make_booking(service).pk


def test_overlap_is_refused_for_a_class_and_for_a_hold():
    make_booking(make_service(), caller=CALLER)

    with pytest.raises(AlreadyBooked):
        make_booking(make_class(), caller=CALLER)
    with pytest.raises(AlreadyBooked):
        make_hold(caller=CALLER)


def test_overlap_with_a_booking_that_no_longer_stands_is_allowed():
    service = make_service(resources=3)
    cancel_booking(booking_id=make_booking(service, caller=CALLER).pk, actor=DESK)
    overdue = make_booking(service, caller=CALLER)
    Booking.objects.filter(pk=overdue.pk).update(answer_by=timezone.now())

    assert make_booking(service, caller=CALLER).pk


def test_staff_are_refused_too_unless_they_allow_the_overlap():
    service, caller = make_service(resources=2), Caller.from_user(make_staff())
    make_booking(service, actor=DESK, caller=caller)

    with pytest.raises(AlreadyBooked):
        make_booking(service, actor=DESK, caller=caller)

    assert make_booking(service, actor=DESK, caller=caller, allow_overlap=True).pk


def test_refusal_reveals_nothing_of_the_booking():
    booking = make_booking(make_service(), caller=CALLER)

    with pytest.raises(AlreadyBooked) as refusal:
        make_booking(make_service(slug="other"), caller=CALLER)

    assert (refusal.value.extra_members(), booking.reference in str(refusal.value)) == ({}, False)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("changes", [({}, {}), (OTHER_PHONE, {}), (OTHER_EMAIL, {})])
def test_concurrent_bookings_of_one_person_create_one(changes):
    service = make_service(resources=6)
    customers = [{**CUSTOMER, **change} for change in changes] * 3

    errors = run_concurrently(
        [partial(make_booking, service, caller=CALLER, customer=customer) for customer in customers]
    )

    assert [type(error) for error in errors] == [AlreadyBooked] * 5
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "locks"), [({}, 2), (OTHER_PHONE, 3), (OTHER_EMAIL, 3), (SAME_EMAIL, 2), ({"email": ""}, 2)]
)
def test_customers_share_the_lock_of_a_phone_number_and_of_an_email_address(change, locks):
    lock_customer(CUSTOMER)

    lock_customer({**CUSTOMER, **change})

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchall() == [(locks,)]


def test_hold_limit_counts_per_number_and_caller(settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service()
    make_hold(service, caller=CALLER, starts_at=slot(hour=10))

    with pytest.raises(UnpaidHoldExists):
        make_hold(service, caller=CALLER, starts_at=slot(hour=11))

    assert make_hold(service, caller=OTHER_CALLER, starts_at=slot(hour=11)).pk


def try_to_hold_open(service, hour, **fields):
    """Book at another time of the day, so that only the limits of open bookings can refuse it."""
    try:
        return bool(make_booking(service, starts_at=slot(hour=hour), **fields))
    except TooManyOpenBookings:
        return False


def callers(count):
    return [anonymous_caller(f"198.51.100.{number}") for number in range(count)]


def test_open_bookings_are_limited_per_client_and_number_and_per_number(settings):
    settings.LIMIT_OPEN_BOOKINGS_PER_CLIENT, settings.LIMIT_OPEN_BOOKINGS_PER_NUMBER = 2, 3
    service = make_service()

    by_one = [try_to_hold_open(service, hour, caller=CALLER) for hour in (9, 10, 11)]
    by_others = [
        try_to_hold_open(service, hour, caller=caller) for hour, caller in zip((11, 12), callers(2), strict=True)
    ]
    for_another_number = try_to_hold_open(service, 12, caller=CALLER, customer={**CUSTOMER, **OTHER_PHONE})

    assert (by_one, by_others, for_another_number) == ([True, True, False], [True, False], True)


def test_bookings_that_are_no_longer_open_do_not_count(settings):
    settings.LIMIT_OPEN_BOOKINGS_PER_CLIENT = settings.LIMIT_OPEN_BOOKINGS_PER_NUMBER = 1
    service = make_service()
    cancel_booking(booking_id=make_booking(service, caller=CALLER).pk, actor=DESK)

    assert try_to_hold_open(service, 11, caller=CALLER)


def test_bookings_by_staff_and_service_tokens_are_neither_refused_nor_counted(settings):
    settings.LIMIT_OPEN_BOOKINGS_PER_CLIENT = settings.LIMIT_OPEN_BOOKINGS_PER_NUMBER = 1
    service = make_service()
    website = Caller(("website",), create_service_token(name="Website").row, is_anonymous=False)
    by_program = {"caller": website, "actor": Actor(ActorKind.INTEGRATION, "Website")}
    by_staff = {"caller": Caller.from_user(make_staff()), "actor": DESK}
    by_customer = {"caller": CALLER}
    bookings = [by_program, by_staff, by_customer, by_customer, by_program, by_staff]

    results = [try_to_hold_open(service, hour, **fields) for hour, fields in enumerate(bookings, start=9)]

    assert results == [True, True, True, False, True, True]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("addresses", "expected"), [(1, 3), (64, 10)])
def test_64_concurrent_bookings_of_one_number_create_exactly_up_to_the_limit(settings, addresses, expected):
    settings.LIMIT_OPEN_BOOKINGS_PER_CLIENT, settings.LIMIT_OPEN_BOOKINGS_PER_NUMBER = 3, 10
    service, clients = make_service(resources=64), callers(addresses)
    customers = [{**CUSTOMER, "name": f"Person {number}"} for number in range(64)]  # not the same person twice

    errors = run_concurrently(
        [
            partial(make_booking, service, caller=clients[number % addresses], customer=customer)
            for number, customer in enumerate(customers)
        ]
    )

    assert {type(error) for error in errors} == {TooManyOpenBookings}
    assert Booking.objects.count() == expected


def test_booking_stores_no_plain_client_address():
    booking = make_booking(caller=anonymous_caller(OTHER_ADDRESS))

    assert (len(booking.caller_hash), OTHER_ADDRESS in booking.caller_hash) == (64, False)
    assert booking.caller_hash != anonymous_caller("203.0.113.8").hash
