from contextlib import suppress
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from bookings.invariants import INVARIANTS
from bookings.models import Allocation, Booking, BookingEvent, Session
from tests.factories import make_booking, make_service, slot

pytestmark = pytest.mark.django_db


def broken():
    """Run the command; return the sentences about bookings that are broken."""
    out = StringIO()
    with suppress(CommandError):
        call_command("check_invariants", stdout=out)
    lines = [line.split(maxsplit=1) for line in out.getvalue().splitlines() if line.startswith("  ")]
    return {sentence.partition("  such as")[0] for count, sentence in lines if count != "0"} & set(INVARIANTS)


def sell_twice():
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE bookings_allocation DROP CONSTRAINT no_double_booking"
        )
    make_booking()
    make_booking(starts_at=slot(hour=12))
    Allocation.objects.update(blocked=Allocation.objects.first().blocked)
    Booking.objects.update(starts_at=slot(), ends_at=slot(minute=30))


def forget_the_slot():
    make_booking()
    Allocation.objects.update(is_active=False)


def keep_the_slot():
    make_booking()
    Booking.objects.update(status="cancelled", answer_by=None)
    BookingEvent.objects.update(to_status="cancelled")


def miscount():
    make_booking(make_service(capacity=12), party_size=3)
    Session.objects.update(booked=2)


def rewrite_history():
    make_booking()
    BookingEvent.objects.update(to_status="confirmed")


def never_answer():
    make_booking()
    Booking.objects.update(answer_by=timezone.now() - timedelta(minutes=6))


BREACHES = [sell_twice, forget_the_slot, keep_the_slot, miscount, rewrite_history, never_answer]


@pytest.mark.parametrize(("sentence", "breach"), list(zip(INVARIANTS, BREACHES, strict=True)))
def test_each_promise_notices_its_breach_and_nothing_else(sentence, breach):
    breach()

    assert broken() == {sentence}


def test_what_was_booked_the_usual_way_keeps_them_all():
    make_booking(make_service(capacity=12, slug="yoga"), party_size=3)
    make_booking(make_service())

    assert broken() == set()
