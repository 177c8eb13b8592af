from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from bookings.invariants import INVARIANTS
from bookings.models import Allocation, Booking, BookingEvent, Session
from tests.builders.bookings import make_booking, make_service, slot

pytestmark = pytest.mark.django_db


def reported_violations():
    """Run the command; return the invariants of bookings that it reports as violated."""
    out = StringIO()
    with suppress(CommandError):
        call_command("check_invariants", stdout=out)
    lines = [line.split(maxsplit=1) for line in out.getvalue().splitlines() if line.startswith("  ")]
    return {invariant.partition("  such as")[0] for count, invariant in lines if count != "0"} & set(INVARIANTS)


def double_book():
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE bookings_allocation DROP CONSTRAINT no_double_booking"
        )
    make_booking()
    make_booking(starts_at=slot(hour=12))
    Allocation.objects.update(blocked=Allocation.objects.first().blocked)
    Booking.objects.update(starts_at=slot(), ends_at=slot(minute=30))


def release_an_active_slot():
    make_booking()
    Allocation.objects.update(is_active=False)


def keep_the_slot_of_a_cancelled_booking():
    make_booking()
    Booking.objects.update(status="cancelled", answer_by=None)
    BookingEvent.objects.update(to_status="cancelled")


def miscount_places():
    make_booking(make_service(capacity=12), party_size=3)
    Session.objects.update(booked=2)


def falsify_an_event():
    make_booking()
    BookingEvent.objects.update(to_status="confirmed")


def leave_a_request_overdue():
    make_booking()
    Booking.objects.update(answer_by=timezone.now() - timedelta(minutes=6))


VIOLATIONS = [
    double_book,
    release_an_active_slot,
    keep_the_slot_of_a_cancelled_booking,
    miscount_places,
    falsify_an_event,
    leave_a_request_overdue,
]


@pytest.mark.parametrize(("invariant", "violate"), list(zip(INVARIANTS, VIOLATIONS, strict=True)))
def test_check_invariants_reports_each_violation_and_no_other(invariant, violate):
    violate()

    assert reported_violations() == {invariant}


def test_check_invariants_reports_nothing_for_valid_bookings():
    make_booking(make_service(capacity=12, slug="yoga"), party_size=3)
    make_booking(make_service())

    assert reported_violations() == set()
