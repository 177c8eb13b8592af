from datetime import timedelta

import pytest
from django.utils import timezone

from foundation.models import PeriodicTask
from payments.models import Discrepancy, GatewayEvent, PaymentOrder, Refund
from payments.operations.reconciliation import RECONCILIATION, ReconciliationAction, perform_reconciliation_action
from tests.builders.bookings import DESK

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LATER = timedelta(hours=1)


def perform(action, key="", note=""):
    return perform_reconciliation_action(action=action, key=str(key), actor=DESK, note=note)


def test_poll_order_makes_the_order_due(payment):
    PaymentOrder.objects.update(next_check_at=timezone.now() + LATER)

    assert perform(ReconciliationAction.POLL_ORDER, payment.order_id)

    assert PaymentOrder.objects.get().next_check_at <= timezone.now()


@pytest.mark.parametrize(("state", "is_due"), [("requested", True), ("failed", False)])
def test_poll_refund_makes_only_an_unsettled_refund_due(payment, state, is_due):
    refund = Refund.objects.create(
        payment=payment, amount_minor=1, currency="INR", source="staff", requested_by="desk", state=state
    )

    assert perform(ReconciliationAction.POLL_REFUND, refund.pk) == is_due

    refund.refresh_from_db()
    assert (refund.next_try_at is not None) == is_due


def test_process_event_makes_the_event_due_with_new_attempts():
    event = GatewayEvent.objects.create(
        event_id="evt_1", kind="payment.captured", state="unmatched", attempts=8, error="Unknown", next_try_at=None
    )

    assert perform(ReconciliationAction.PROCESS_EVENT, event.pk)

    event.refresh_from_db()
    assert (event.attempts, event.error) == (0, "")
    assert event.next_try_at <= timezone.now()


def test_reconcile_makes_the_periodic_task_due():
    PeriodicTask.objects.create(name=RECONCILIATION, due_at=timezone.now() + LATER)

    assert perform(ReconciliationAction.RECONCILE)

    assert PeriodicTask.objects.get().due_at <= timezone.now()


def test_close_discrepancy_needs_a_note_and_succeeds_once():
    row = Discrepancy.objects.create(gateway_id="pay_x", cause="c", amount_minor=1, currency="INR")

    results = [perform(ReconciliationAction.CLOSE_DISCREPANCY, row.pk, note) for note in ("", "Test payment", "Again")]

    row.refresh_from_db()
    assert results == [False, True, False]
    assert (row.closed_by, row.resolution) == (str(DESK), "Test payment")


@pytest.mark.parametrize("action", [action for action in ReconciliationAction if action != "compare"])
@pytest.mark.parametrize("key", ["", "x", "1", "1" * 99])
def test_reconciliation_action_with_an_unknown_key_does_nothing(db, action, key):
    assert not perform(action, key, "note")
