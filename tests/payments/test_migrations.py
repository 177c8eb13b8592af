"""Data migrations of payments."""

from importlib import import_module

import pytest
from django.db import connection

from bookings.models import Booking
from payments.models import Payment
from tests.builders.payments import make_captured_payment

MIGRATION = import_module("payments.migrations.0007_reviewed_at")


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", ["cancelled", "declined", "expired"])
def test_migration_sends_payments_of_ended_bookings_to_review(sandbox, end):
    payment = make_captured_payment(sandbox)
    Booking.objects.update(status=end)

    execute(MIGRATION.STOP_COUNTING)

    payment.refresh_from_db()
    last_entry = payment.log.last()
    assert (payment.disposition, last_entry.moved_to, last_entry.source) == ("review", "review", "upgrade")


@pytest.mark.django_db(transaction=True)
def test_migration_keeps_payments_of_active_bookings(sandbox):
    payment = make_captured_payment(sandbox)

    execute(MIGRATION.STOP_COUNTING)

    payment.refresh_from_db()
    assert payment.disposition == "confirms"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("reason", "is_reviewed"), [("", False), ("Accepted.", True)])
def test_migration_keeps_the_decisions_of_staff(sandbox, reason, is_reviewed):
    make_captured_payment(sandbox)
    Payment.objects.update(review_reason=reason)

    execute(MIGRATION.MARK_REVIEWED)

    assert (Payment.objects.get().reviewed_at is not None) is is_reviewed
