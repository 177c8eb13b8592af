"""Data migrations of payments."""

from importlib import import_module

import pytest
from django.db import connection

from bookings.models import Booking
from payments.ledger import append_to_log
from payments.models import GatewayEvent, Payment, Refund
from tests.builders.payments import make_captured_payment

MIGRATION = import_module("payments.migrations.0007_reviewed_at")
DISPUTES = import_module("payments.migrations.0011_dispute")
FAILED_REFUNDS = import_module("payments.migrations.0012_refund_failed_at")


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


@pytest.mark.django_db
def test_migration_processes_stored_events_of_disputes_again():
    events = [
        GatewayEvent.objects.create(event_id=kind + str(body), kind=kind, body=body, state="done", next_try_at=None)
        for kind, body in (("payment.dispute.lost", {}), ("payment.dispute.won", None), ("payment.captured", {}))
    ]

    execute(DISPUTES.PROCESS_AGAIN)

    assert list(GatewayEvent.objects.filter(next_try_at__isnull=False)) == events[:1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_logged", [True, False])
def test_migration_dates_failed_refunds_by_their_log(sandbox, is_logged):
    payment = make_captured_payment(sandbox)
    values = {"payment": payment, "amount_minor": 1, "currency": "INR", "source": "staff", "requested_by": "x"}
    refund = Refund.objects.create(**values, state="failed")
    pending = Refund.objects.create(**values)
    if is_logged:
        append_to_log(payment, "processed", "failed", "poll", "", refund)

    execute(FAILED_REFUNDS.FILL)

    refund.refresh_from_db()
    pending.refresh_from_db()
    logged_at = refund.log.last().at if is_logged else refund.created_at
    assert (refund.failed_at, pending.failed_at) == (logged_at, None)
