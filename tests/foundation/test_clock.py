import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from bookings.exceptions import TooLateToChange
from bookings.models import Booking
from bookings.operations import cancel_booking
from foundation import clock
from foundation.clock import database_now
from tests.builders.bookings import CUSTOMER_ACTOR, make_booking, make_service, set_minutes_until_visit
from tests.builders.payments import checkout

pytestmark = pytest.mark.django_db(transaction=True)


def set_host_clock(monkeypatch, *, ahead_by):
    monkeypatch.setattr(clock, "_host_now", lambda: datetime.now(UTC) + ahead_by)
    reconnect()


def reconnect():
    connection.close()
    connection.ensure_connection()


@pytest.fixture(autouse=True)
def correct_clock_afterwards(monkeypatch):
    yield
    monkeypatch.undo()
    reconnect()


def database_time():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("ahead_by", [timedelta(0), timedelta(hours=3), timedelta(hours=-3)])
def test_database_now_is_the_time_of_the_database(monkeypatch, ahead_by):
    set_host_clock(monkeypatch, ahead_by=ahead_by)

    assert abs(database_now() - database_time()) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ahead_by", "text"),
    [
        (timedelta(seconds=-3), "3.0 s behind the database's"),
        (timedelta(seconds=3), "3.0 s ahead of the database's"),
    ],
)
def test_difference_of_more_than_two_seconds_is_logged_once(monkeypatch, caplog, ahead_by, text):
    set_host_clock(monkeypatch, ahead_by=ahead_by)
    reconnect()

    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert text in warnings[0]


def test_difference_within_the_tolerance_is_not_logged(monkeypatch, caplog):
    set_host_clock(monkeypatch, ahead_by=timedelta(seconds=1))

    assert caplog.records == []


def test_slow_response_of_the_database_is_not_a_difference(monkeypatch):
    """Otherwise what has just become due would not be due yet."""
    delays = iter([timedelta(0), timedelta(seconds=1)])
    monkeypatch.setattr(clock, "_host_now", lambda: datetime.now(UTC) + next(delays))
    reconnect()
    monkeypatch.setattr(clock, "_host_now", lambda: datetime.now(UTC))

    assert abs(database_now() - datetime.now(UTC)) < timedelta(milliseconds=100)


@pytest.mark.parametrize("ahead_by", [timedelta(hours=3), timedelta(hours=-3)])
def test_hold_expires_by_the_clock_of_the_database(monkeypatch, sandbox, ahead_by):
    set_host_clock(monkeypatch, ahead_by=ahead_by)

    booking = checkout().new_booking.booking
    Booking.objects.update(hold_expires_at=Now() - timedelta(seconds=1))
    overdue = Booking.objects.get()

    assert abs(booking.hold_expires_at - database_time() - timedelta(minutes=15)) < timedelta(seconds=5)
    assert (booking.is_overdue, overdue.is_overdue) == (False, True)


@pytest.mark.parametrize(("minutes", "is_cancelled"), [(90, True), (30, False)])
@pytest.mark.parametrize("ahead_by", [timedelta(hours=3), timedelta(hours=-3)])
def test_cutoff_follows_the_database(monkeypatch, ahead_by, minutes, is_cancelled):
    booking = make_booking(make_service(cancel_cutoff_minutes=60))
    set_minutes_until_visit(booking, minutes)
    set_host_clock(monkeypatch, ahead_by=ahead_by)

    try:
        cancel_booking(booking_id=booking.pk, actor=CUSTOMER_ACTOR)
    except TooLateToChange:
        assert not is_cancelled
    else:
        assert is_cancelled
