"""Disputes from the gateway's events to the pages."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from bookings.operations import cancel_booking
from foundation.background_tasks import run_due_tasks
from payments.balance import balance_of
from payments.exceptions import PaymentDisputed, PayoutTooLarge, RefundTooLarge
from payments.models import Discrepancy, Dispute, GatewayEvent, Payment, Refund
from payments.operations import refund_payment
from payments.operations.review import ReviewDecision, decide_review
from payments.polling.daily_reconciliation import reconcile
from reports.takings import takings
from tests.builders.bookings import CUSTOMER_ACTOR, DESK
from tests.builders.payments import checkout, make_orders_due, pay_at_desk, pay_out, post_webhook, webhook_event

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def deliver(sandbox, *kinds):
    """Deliver the latest stored events of these kinds, and process them."""
    events = {event["event"]: event for event in sandbox.client.webhooks()}
    for kind in kinds:
        event = events[kind]
        response = post_webhook(event["body"].encode(), event["signature"], event["event_id"])
        assert response.status_code == 200
    run_due_tasks()


def open_dispute(sandbox, payment, **fields):
    dispute = sandbox.client.dispute(str(payment), **fields)
    deliver(sandbox, "payment.dispute.created")
    return dispute["id"]


def change(sandbox, dispute_id, event, **fields):
    sandbox.client.change_dispute(dispute_id, event, **fields)
    deliver(sandbox, f"payment.dispute.{event}")


def make_events_due():
    GatewayEvent.objects.filter(next_try_at__isnull=False).update(next_try_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ("under_review", "under_review"),
        ("action_required", "open"),
        ("won", "won"),
        ("lost", "lost"),
        ("closed", "closed"),
    ],
)
def test_each_event_changes_the_dispute_and_not_the_payment(sandbox, payment, event, state):
    dispute_id = open_dispute(sandbox, payment)
    opened = Dispute.objects.get()
    change(sandbox, dispute_id, event)

    dispute = Dispute.objects.get()
    payment.refresh_from_db()
    assert (opened.state, opened.phase, opened.reason) == ("open", "chargeback", "goods or services not received")
    assert (opened.respond_by - opened.opened_at).days == 7
    assert (dispute.razorpay_dispute_id, dispute.state) == (dispute_id, state)
    assert (payment.state, payment.disposition) == ("captured", "confirms")
    assert set(GatewayEvent.objects.values_list("state", flat=True)) == {"done"}


def test_dispute_whose_payment_is_unknown_waits_until_it_is_polled(sandbox):
    new_checkout = checkout()
    payment_id = sandbox.client.pay(new_checkout.order.razorpay_order_id)["razorpay_payment_id"]
    sandbox.client.dispute(payment_id)

    deliver(sandbox, "payment.dispute.created")
    waiting = GatewayEvent.objects.get()
    run_due_tasks()
    make_events_due()
    run_due_tasks()

    assert (waiting.state, waiting.next_try_at is not None) == ("unmatched", True)
    assert waiting.error == f"Unknown payment {payment_id}."
    assert GatewayEvent.objects.get().state == "done"
    assert str(Dispute.objects.get().payment) == payment_id


@pytest.mark.parametrize(
    "dispute",
    [
        None,
        {},
        {"id": "../x", "payment_id": "pay_1", "amount": 1, "currency": "INR", "phase": "fraud", "status": "open"},
        {"id": "disp_1", "payment_id": "pay_1", "amount": 1, "currency": "INR", "phase": "fraud", "status": "?"},
        {"id": "disp_1", "payment_id": "pay_1", "amount": 1, "currency": "INR", "phase": "?", "status": "open"},
        {"id": "disp_1", "payment_id": "pay_1", "amount": -1, "currency": "INR", "phase": "fraud", "status": "open"},
    ],
)
def test_unreadable_dispute_is_stored_and_listed(manager, sandbox, dispute):
    post_webhook(webhook_event("payment.dispute.created", **({} if dispute is None else {"dispute": dispute})))
    run_due_tasks()

    event = GatewayEvent.objects.get()
    assert (event.state, event.error != "", Dispute.objects.count()) == ("ignored", True, 0)
    assert "Event payment.dispute.created" in manager.get("/payments/reconciliation").content.decode()


def test_reconcile_finds_a_dispute_and_its_decision_whose_events_were_lost(sandbox, payment):
    dispute_id = sandbox.client.dispute(str(payment))["id"]
    reconcile()
    opened = Dispute.objects.get().state
    sandbox.client.change_dispute(dispute_id, "lost")

    reconcile()

    dispute = Dispute.objects.get()
    assert (opened, dispute.state, dispute.deducted_minor) == ("open", "lost", 50_000)


def test_reconcile_compares_open_disputes_that_are_older_than_its_period(sandbox, payment):
    a_month_ago = int((timezone.now() - timedelta(days=30)).timestamp())
    dispute_id = open_dispute(sandbox, payment, created_at=a_month_ago)
    sandbox.client.change_dispute(dispute_id, "won")

    reconcile()

    assert Dispute.objects.get().state == "won"


def test_reconcile_records_an_open_dispute_about_an_unknown_payment_as_discrepancy(sandbox):
    payment_id = sandbox.client.pay(checkout().order.razorpay_order_id)["razorpay_payment_id"]
    dispute_id = sandbox.client.dispute(payment_id, payment_id="pay_OfAnotherApp1")["id"]

    reconcile()

    assert Discrepancy.objects.filter(gateway_id=dispute_id).count() == 1


@pytest.mark.parametrize(("event", "lost_minor"), [("won", 0), ("closed", 0), ("lost", 20_000)])
def test_lost_dispute_counts_as_returned(sandbox, payment, event, lost_minor):
    dispute_id = open_dispute(sandbox, payment, amount=20_000)
    before = balance_of(payment.booking)

    change(sandbox, dispute_id, event)

    balance = balance_of(payment.booking)
    assert (before.lost_minor, before.held_minor) == (0, 50_000)
    assert (balance.online_minor, balance.lost_minor, balance.held_minor) == (50_000, lost_minor, 50_000 - lost_minor)
    assert balance.due_minor == 0


def test_lost_dispute_settles_what_was_overpaid(sandbox, payment):
    pay_at_desk(payment.booking, 50_000)
    overpaid = balance_of(payment.booking).due_minor

    change(sandbox, open_dispute(sandbox, payment), "lost")

    assert (overpaid, balance_of(payment.booking).due_minor) == (-50_000, 0)


def test_money_that_a_dispute_took_is_neither_refunded_nor_paid_out(sandbox, payment):
    change(sandbox, open_dispute(sandbox, payment, amount=20_000), "lost")

    with pytest.raises(RefundTooLarge, match="At most INR 300"):
        refund_payment(payment_id=payment.pk, amount_minor=30_001, key=uuid4(), actor=DESK)
    with pytest.raises(PayoutTooLarge, match="At most INR 300"):
        pay_out(payment.booking, 30_001)
    cancel_booking(booking_id=payment.booking_id, actor=CUSTOMER_ACTOR)

    assert Refund.objects.get().amount_minor == 30_000


def test_takings_count_a_lost_dispute_once_on_the_day_when_it_was_lost(manager, sandbox, payment):
    dispute_id = open_dispute(sandbox, payment, amount=20_000)
    open_rows = takings(timezone.localdate())
    change(sandbox, dispute_id, "lost")
    reconcile()

    rows = {row.method: (row.count, row.taken_minor, row.returned_minor) for row in takings(timezone.localdate())}
    csv = manager.get("/payments/takings.csv").content.decode()
    page = manager.get("/payments/takings").content.decode()

    assert {row.returned_minor for row in open_rows} == {0}
    assert rows == {"online: upi": (2, 50_000, 20_000), "all": (2, 50_000, 20_000)}
    assert f",0.00,200.00,INR,{dispute_id}" in csv
    assert csv.splitlines()[0] == "at,method,booking,taken,returned,currency,receipt"
    assert '<th scope="col">Returned</th>' in page
    assert "efunded" not in page


@pytest.mark.parametrize(("is_by_manager", "reason"), [(False, "Agreed"), (True, ""), (True, " ")])
def test_refund_of_a_disputed_payment_needs_a_manager_and_a_reason(sandbox, payment, is_by_manager, reason):
    dispute_id = open_dispute(sandbox, payment)
    refund = {"payment_id": payment.pk, "amount_minor": 10_000, "actor": DESK}

    with pytest.raises(PaymentDisputed):
        refund_payment(**refund, key=uuid4(), is_by_manager=is_by_manager, reason=reason)
    refund_payment(**refund, key=uuid4(), is_by_manager=True, reason="Agreed with the customer")
    change(sandbox, dispute_id, "won")
    refund_payment(**refund, key=uuid4())

    assert Refund.objects.count() == 2


def test_disputed_payment_is_not_refunded_automatically(sandbox, payment):
    open_dispute(sandbox, payment)

    cancel_booking(booking_id=payment.booking_id, actor=CUSTOMER_ACTOR)

    payment.refresh_from_db()
    assert (payment.disposition, Refund.objects.count()) == ("review", 0)
    assert "disputed" in payment.review_reason
    decide_review(payment_id=payment.pk, decision=ReviewDecision.REFUND_ALL, note="Agreed.", actor=DESK)
    assert Refund.objects.get().amount_minor == 50_000


def test_payment_that_is_disputed_before_its_capture_is_known_is_not_refunded_automatically(sandbox, payment):
    open_dispute(sandbox, payment)
    Payment.objects.update(captured_at=None, state="authorized", signature_verified_at=timezone.now())
    cancel_booking(booking_id=payment.booking_id, actor=CUSTOMER_ACTOR)

    make_orders_due()
    run_due_tasks()

    payment.refresh_from_db()
    assert (payment.is_captured, payment.disposition, Refund.objects.count()) == (True, "review", 0)


def test_pages_show_a_dispute_with_its_deadline(manager, sandbox, payment):
    dispute_id = open_dispute(sandbox, payment, respond_by=1_900_000_000)

    reconciliation = manager.get("/payments/reconciliation").content.decode()
    payment_page = manager.get(f"/payments/{payment.pk}").content.decode()
    booking_page = manager.get(f"/admin/bookings/booking/{payment.booking_id}/change/").content.decode()

    assert f"Dispute {dispute_id} for" in reconciliation
    assert "Respond in Razorpay&#x27;s Dashboard by 17 Mar 2030, 23:16 (Asia/Kolkata)" in reconciliation
    assert "17 Mar 2030, 23:16" in payment_page
    assert "if you refund it and lose the dispute, the customer is paid twice" in payment_page
    assert "Dispute of INR 500.00: chargeback" in booking_page


def test_pages_show_what_a_lost_dispute_took(manager, sandbox, payment):
    change(sandbox, open_dispute(sandbox, payment, amount=20_000), "lost")

    reconciliation = manager.get("/payments/reconciliation").content.decode()
    balance = manager.get(f"/payments/desk/{payment.booking_id}").content.decode()

    assert "The dispute was lost, and INR 200.00 was deducted." in reconciliation
    assert "INR 200.00, deducted by the gateway" in balance


def test_reconciliation_names_a_customer_who_got_the_money_twice(manager, sandbox, payment):
    dispute_id = open_dispute(sandbox, payment)
    refund_payment(
        payment_id=payment.pk, amount_minor=50_000, key=uuid4(), actor=DESK, is_by_manager=True, reason="Agreed"
    )
    change(sandbox, dispute_id, "lost")

    assert "it was refunded as well" in manager.get("/payments/reconciliation").content.decode()


@pytest.mark.parametrize("event", ["won", "closed"])
def test_reconciliation_lists_no_dispute_that_took_nothing(manager, sandbox, payment, event):
    change(sandbox, open_dispute(sandbox, payment), event)

    assert "The books match the gateway" in manager.get("/payments/reconciliation").content.decode()


def test_page_offers_the_refund_of_a_disputed_payment_to_managers_only(front_desk, manager, sandbox, payment):
    user = User.objects.get(pk=front_desk.session["_auth_user_id"])
    user.user_permissions.add(Permission.objects.get(codename="refund_payment"))
    open_dispute(sandbox, payment)
    form = {"key": str(uuid4()), "amount_minor": "100", "reason": "Agreed", "booking": "stands"}

    page = front_desk.get(f"/payments/{payment.pk}").content.decode()
    refused = front_desk.post(f"/payments/{payment.pk}/refund", form).content.decode()
    refunds_before = Refund.objects.count()
    manager.post(f"/payments/{payment.pk}/refund", form)

    assert "only a manager can refund it" in page
    assert "Refund</button>" not in page
    assert "only a manager can refund it" in refused
    assert (refunds_before, Refund.objects.count()) == (0, 1)
