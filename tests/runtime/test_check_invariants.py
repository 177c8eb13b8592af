from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from bookings.models import Booking
from foundation.invariants import register_invariants, registered_invariants
from tests.builders.bookings import make_booking

pytestmark = pytest.mark.django_db

SENTENCE = "A booking's events are complete and end in its current status"


def test_check_invariants_lists_every_invariant_and_passes_without_a_violation():
    make_booking()
    out = StringIO()

    call_command("check_invariants", stdout=out)

    lines = out.getvalue().splitlines()
    for area, invariants in registered_invariants().items():
        assert any(line.startswith(area) for line in lines)
        for sentence in invariants:
            assert f"       0  {sentence}" in lines


def test_check_invariants_counts_the_violations_and_fails():
    booking = make_booking()
    Booking.objects.update(version=7)
    out = StringIO()

    with pytest.raises(CommandError, match=r"^Violated invariants: 1\.$"):
        call_command("check_invariants", stdout=out)

    assert f"       1  {SENTENCE}  such as {booking.pk}" in out.getvalue().splitlines()


def test_check_invariants_has_no_statement_timeout(monkeypatch):
    monkeypatch.setattr("foundation.invariants._invariants", {})
    register_invariants("Slow", {"A large table": "SELECT pg_sleep(0.2)::text WHERE false OR pg_sleep(0.2) IS NULL"})
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '50ms'")

    call_command("check_invariants", stdout=StringIO())
