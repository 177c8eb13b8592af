from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from foundation.background_tasks import run_due_tasks
from foundation.models import PeriodicTask
from payments.models import Discrepancy, GatewayEvent, Payment, PaymentOrder, Refund
from tests.builders.accounts import sign_in_staff
from tests.builders.payments import checkout, make_orders_due

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

RECONCILIATION, RESOLVE = "/payments/reconciliation", "/payments/reconciliation/resolve"


def test_reconciliation_lists_a_payment_in_review_until_it_is_refunded(manager, sandbox):
    sandbox.client.pay(checkout().order.razorpay_order_id, amount=51_000)
    make_orders_due()
    run_due_tasks()
    payment = Payment.objects.get()

    page = manager.get(RECONCILIATION).content.decode()
    manager.post(f"/payments/{payment.pk}/review", {"resolution": "pay_back", "note": "Wrong fee"})

    payment.refresh_from_db()
    assert "The order was for INR 500.00, but INR 510.00 was paid." in page
    assert (payment.disposition, Refund.objects.get().amount_minor) == ("refund_due", 51_000)
    assert "The books match the gateway" in manager.get(RECONCILIATION).content.decode()


def test_reconciliation_lists_each_kind_of_item(manager, payment):
    long_ago = timezone.now() - timedelta(days=1)
    Discrepancy.objects.create(gateway_id="pay_x", cause="Unknown order", amount_minor=1, currency="INR")
    GatewayEvent.objects.create(event_id="evt_1", kind="payment.captured", state="unmatched", next_try_at=None)
    PaymentOrder.objects.update(next_check_at=long_ago, last_error="Gateway unreachable")
    Payment.objects.update(captured_at=None, state="authorized", signature_verified_at=long_ago)
    fields = {"currency": "INR", "payment": payment, "amount_minor": 1, "requested_by": "x"}
    for state, source in (("requested", "staff"), ("failed", "staff"), ("processed", "external")):
        razorpay_refund_id = "rfnd_1" if state == "processed" else None
        Refund.objects.create(**fields, state=state, source=source, razorpay_refund_id=razorpay_refund_id)
    Refund.objects.update(created_at=long_ago)

    page = manager.get(RECONCILIATION).content.decode()

    for text in (
        "Unknown order",
        "Gateway unreachable",
        "reported an unknown order",
        "not captured the payment yet",
        "is not processed yet",
        "nothing was refunded",
        "outside Daybook",
    ):
        assert text in page


def test_reconciliation_actions_make_rows_due_and_close_discrepancies(manager, payment):
    PeriodicTask.objects.create(name="daily_reconciliation", due_at=timezone.now() + timedelta(days=1))
    discrepancy = Discrepancy.objects.create(gateway_id="pay_x", cause="c", amount_minor=1, currency="INR")
    order = PaymentOrder.objects.get()

    for action, key, note in (("check", order.pk, ""), ("compare", "", ""), ("close", discrepancy.pk, "Test payment")):
        manager.post(RESOLVE, {"action": action, "key": key, "note": note})

    order.refresh_from_db()
    discrepancy.refresh_from_db()
    assert order.next_check_at <= timezone.now()
    assert PeriodicTask.objects.get().due_at <= timezone.now()
    assert (discrepancy.closed_by, discrepancy.resolution) == ("staff Managers", "Test payment")


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"action": "check", "key": "x"},
        {"action": "close", "key": "1"},
        {"action": "drop", "key": "1"},
        {"action": "read", "key": "1" * 99},
    ],
)
def test_invalid_reconciliation_action_shows_a_warning(manager, form):
    response = manager.post(RESOLVE, form)

    assert (response.status_code, response.headers["Location"]) == (302, RECONCILIATION)
    assert "That was not possible" in manager.get(RECONCILIATION).content.decode()


def test_reconciliation_without_permission_is_403(front_desk):
    assert Client().get(RECONCILIATION).status_code == 302
    assert [client.get(RECONCILIATION).status_code for client in (sign_in_staff(None), front_desk)] == [403, 403]
