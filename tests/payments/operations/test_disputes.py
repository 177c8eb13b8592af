from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from payments.exceptions import PaymentMismatch
from payments.gateway.entities import GatewayDispute
from payments.models import Dispute, Payment, PaymentLog
from payments.operations.disputes import record_dispute
from tests.builders.bookings import make_paid_service
from tests.builders.payments import checkout
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

State, Phase = Dispute.State, Dispute.Phase
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DISPUTE = GatewayDispute(
    dispute_id="disp_Dispute000001",
    payment_id="pay_Dispute0000001",
    amount_minor=50_000,
    currency="INR",
    phase=Phase.CHARGEBACK,
    state=State.OPEN,
    reason="goods not received",
    respond_by=START + timedelta(days=7),
    created_at=START - timedelta(minutes=1),
)
LOST = {"state": State.LOST, "deducted_minor": 50_000}


@pytest.fixture
def paid(sandbox):
    """A captured payment."""
    new_checkout = checkout(make_paid_service())
    return Payment.objects.create(
        razorpay_payment_id=DISPUTE.payment_id,
        order=new_checkout.order,
        booking=new_checkout.new_booking.booking,
        amount_minor=50_000,
        currency="INR",
        state="captured",
        disposition="confirms",
        captured_at=START,
        paid_at=START,
    )


def report(payment, minutes=0, **changes):
    return record_dispute(
        payment_pk=payment.pk,
        gateway_dispute=replace(DISPUTE, **changes),
        reported_at=START + timedelta(minutes=minutes),
        source="webhook",
    )


def summary():
    dispute = Dispute.objects.get()
    return dispute.phase, dispute.state, dispute.deducted_minor, dispute.reported_at, dispute.decided_at


def test_new_dispute_is_recorded_with_its_deadline(paid):
    dispute = report(paid)

    assert (dispute.payment, dispute.amount_minor, dispute.state) == (paid, 50_000, "open")
    assert (dispute.respond_by, dispute.opened_at) == (DISPUTE.respond_by, DISPUTE.created_at)
    assert [entry.moved_to for entry in paid.log.all()] == ["open"]


def test_repeated_report_changes_nothing(paid):
    report(paid)
    before = summary()

    report(paid)

    assert (summary(), PaymentLog.objects.count()) == (before, 1)


def test_bank_and_business_take_turns_until_the_decision(paid):
    states = [
        report(paid, minutes, state=state).state
        for minutes, state in enumerate([State.OPEN, State.UNDER_REVIEW, State.OPEN, State.UNDER_REVIEW, State.WON])
    ]

    assert states == ["open", "under_review", "open", "under_review", "won"]
    assert summary()[4] == START + timedelta(minutes=4)


@pytest.mark.parametrize("decision", [State.WON, State.LOST, State.CLOSED])
def test_decision_is_not_undone_by_a_report_that_was_underway(paid, decision):
    report(paid, 1, state=decision)

    for minutes, state in ((0, State.OPEN), (2, State.UNDER_REVIEW)):
        report(paid, minutes, state=state)

    assert summary()[1] == decision


def test_later_phase_reopens_a_decided_dispute(paid):
    report(paid, 1, state=State.WON)

    report(paid, 2, phase=Phase.PRE_ARBITRATION)
    report(paid, 3, state=State.WON)

    assert summary() == ("pre_arbitration", "open", 0, START + timedelta(minutes=2), None)


REPORTS = [
    {"minutes": 0},
    {"minutes": 1, "state": State.UNDER_REVIEW},
    {"minutes": 2, "state": State.OPEN, "respond_by": START + timedelta(days=9)},
    {"minutes": 3, **LOST},
]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_order_of_arrival_does_not_matter(paid, order):
    for index in order:
        report(paid, **REPORTS[index])

    end = START + timedelta(minutes=3)
    assert summary() == ("chargeback", "lost", 50_000, end, end)


def test_decision_is_dated_by_the_earliest_report_of_it(paid):
    report(paid, 60, **LOST)

    report(paid, 3, **LOST)

    assert summary()[4] == START + timedelta(minutes=3)


def test_report_about_another_payment_is_a_mismatch(paid):
    report(paid)
    other = Payment.objects.create(
        razorpay_payment_id="pay_Dispute0000002",
        order=paid.order,
        booking=paid.booking,
        amount_minor=1,
        currency="INR",
    )

    with pytest.raises(PaymentMismatch):
        report(other)


def test_concurrent_reports_record_one_dispute(paid):
    errors = run_concurrently([lambda: report(paid)] * 6)

    assert errors == []
    assert (Dispute.objects.count(), PaymentLog.objects.count()) == (1, 1)


def test_lost_dispute_leaves_nothing_to_refund(paid):
    before = paid.refundable_minor()

    report(paid, **LOST | {"deducted_minor": 20_000})

    assert (before, paid.refundable_minor()) == (50_000, 30_000)
