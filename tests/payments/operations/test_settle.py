from dataclasses import replace

import pytest

from bookings.operations import cancel_booking
from payments.exceptions import PaymentMismatch
from payments.gateway.entities import GatewayPayment, GatewayRefund
from payments.models import Payment, PaymentLog, Refund
from payments.operations.review import ReviewDecision, decide_review
from payments.operations.settle import settle_payment, settle_refund
from tests.builders.bookings import DESK, make_paid_service
from tests.builders.payments import checkout

pytestmark = pytest.mark.django_db(transaction=True)

POLL, WEBHOOK = PaymentLog.Source.POLL.value, PaymentLog.Source.WEBHOOK.value


@pytest.fixture
def new_checkout(sandbox):
    return checkout(make_paid_service(resources=2))


def gateway_payment(new_checkout, **changes):
    captured = GatewayPayment(
        payment_id="pay_Settle0000001",
        order_id=new_checkout.order.razorpay_order_id,
        amount_minor=50_000,
        currency="INR",
        state=Payment.State.CAPTURED,
        was_captured=True,
    )
    return replace(captured, **changes)


def gateway_refund(**changes):
    processed = GatewayRefund(
        refund_id="rfnd_Settle000001",
        payment_id="pay_Settle0000001",
        amount_minor=50_000,
        currency="INR",
        state=Refund.State.PROCESSED,
        receipt="",
    )
    return replace(processed, **changes)


def settle(new_checkout, **changes):
    return settle_payment(
        order_id=new_checkout.order.pk, gateway_payment=gateway_payment(new_checkout, **changes), source=POLL
    )


def status_of(new_checkout):
    booking = new_checkout.new_booking.booking
    booking.refresh_from_db()
    return booking.status


def test_captured_payment_confirms_its_hold(new_checkout):
    payment = settle(new_checkout)

    assert (payment.state, payment.disposition, status_of(new_checkout)) == ("captured", "confirms", "confirmed")


def test_repeated_report_changes_nothing(new_checkout):
    settle(new_checkout)
    log_entries = PaymentLog.objects.count()

    settle(new_checkout)

    assert (Payment.objects.count(), PaymentLog.objects.count()) == (1, log_entries)


def test_report_of_an_earlier_state_does_not_undo_a_capture(new_checkout):
    settle(new_checkout)

    payment = settle(new_checkout, state=Payment.State.AUTHORIZED, was_captured=False)

    assert (payment.state, payment.disposition, status_of(new_checkout)) == ("captured", "confirms", "confirmed")


@pytest.mark.parametrize("change", [{"amount_minor": 49_999}, {"currency": "USD"}])
def test_payment_of_another_amount_or_currency_needs_review(new_checkout, change):
    payment = settle(new_checkout, **change)

    assert (payment.disposition, status_of(new_checkout)) == ("review", "held")


FEE = 1_180  # Razorpay's 2 % and the tax on it


def test_fee_that_the_customer_bears_is_not_part_of_what_was_paid_for_the_booking(new_checkout):
    payment = settle(new_checkout, amount_minor=50_000 + FEE, fee_minor=FEE)

    assert (payment.disposition, status_of(new_checkout)) == ("confirms", "confirmed")
    assert (payment.amount_minor, payment.credited_minor, payment.refundable_minor()) == (51_180, 50_000, 50_000)


def test_fee_that_the_business_bears_does_not_reduce_the_payment(new_checkout):
    payment = settle(new_checkout, fee_minor=FEE)

    assert (payment.disposition, payment.credited_minor) == ("confirms", 50_000)


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 50_000 + FEE},
        {"amount_minor": 50_000 + FEE, "fee_minor": FEE - 1},
        {"amount_minor": 50_000 + FEE, "fee_minor": FEE + 1},
        {"amount_minor": 50_000 - FEE, "fee_minor": FEE},
        {"amount_minor": 50_000 + FEE, "fee_minor": FEE, "currency": "USD"},
    ],
    ids=["no fee", "fee too small", "fee too large", "too little", "another currency"],
)
def test_amount_that_the_fee_does_not_explain_needs_review(new_checkout, change):
    payment = settle(new_checkout, **change)

    assert (payment.disposition, payment.customer_fee_minor, status_of(new_checkout)) == ("review", 0, "held")


def test_late_report_without_the_fee_keeps_it(new_checkout):
    settle(new_checkout, amount_minor=50_000 + FEE, fee_minor=FEE)

    payment = settle(
        new_checkout, amount_minor=50_000 + FEE, fee_minor=0, state=Payment.State.AUTHORIZED, was_captured=False
    )

    assert (payment.disposition, payment.customer_fee_minor) == ("confirms", FEE)


def test_fee_that_is_reported_later_ends_the_review_of_its_amount(new_checkout):
    before = settle(new_checkout, amount_minor=50_000 + FEE)

    after = settle(new_checkout, amount_minor=50_000 + FEE, fee_minor=FEE)

    assert (before.disposition, after.disposition, after.review_reason) == ("review", "confirms", "")
    assert status_of(new_checkout) == "confirmed"


def test_fee_that_is_reported_later_does_not_reopen_what_staff_decided(new_checkout):
    payment = settle(new_checkout, amount_minor=50_000 + FEE)
    decide_review(payment_id=payment.pk, decision=ReviewDecision.CLOSE, note="Refunded in cash.", actor=DESK)

    after = settle(new_checkout, amount_minor=50_000 + FEE, fee_minor=FEE)

    assert (after.disposition, status_of(new_checkout)) == ("closed", "held")


def test_fee_that_is_reported_after_a_decided_refund_failed_leaves_the_payment_to_staff(new_checkout):
    payment = settle(new_checkout, amount_minor=50_000 + FEE)
    decide_review(payment_id=payment.pk, decision=ReviewDecision.REFUND_ALL, note="Wrong amount.", actor=DESK)
    refund = {"receipt": str(Refund.objects.get().pk), "amount_minor": 50_000 + FEE}
    settle_refund(
        payment_pk=payment.pk, gateway_refund=gateway_refund(**refund, state=Refund.State.FAILED), source=POLL
    )

    after = settle(new_checkout, amount_minor=50_000 + FEE, fee_minor=FEE)

    assert (after.disposition, status_of(new_checkout)) == ("review", "held")


def test_fee_that_is_reported_after_the_booking_ended_leaves_the_payment_to_staff(new_checkout):
    settle(new_checkout, amount_minor=50_000 + FEE)
    cancel_booking(booking_id=new_checkout.new_booking.booking.pk, actor=DESK)

    after = settle(new_checkout, amount_minor=50_000 + FEE, fee_minor=FEE)

    assert (after.disposition, status_of(new_checkout)) == ("review", "cancelled")


def test_second_payment_is_refunded_without_the_fee_that_the_gateway_keeps(new_checkout):
    settle(new_checkout)

    settle(new_checkout, payment_id="pay_Settle0000002", amount_minor=50_000 + FEE, fee_minor=FEE)

    assert Refund.objects.get().amount_minor == 50_000


def test_second_payment_of_an_order_is_refunded(new_checkout):
    settle(new_checkout)

    second = settle(new_checkout, payment_id="pay_Settle0000002")

    refund = Refund.objects.get()
    assert (second.disposition, refund.payment, refund.amount_minor) == ("refund_due", second, 50_000)
    assert refund.source == Refund.Source.DUPLICATE


def test_failed_payment_keeps_the_hold(new_checkout):
    payment = settle(new_checkout, state=Payment.State.FAILED, was_captured=False, error="The bank declined it.")

    assert (payment.state, payment.error, status_of(new_checkout)) == ("failed", "The bank declined it.", "held")


@pytest.mark.parametrize("states", [("failed", "captured"), ("captured", "failed")])
def test_captured_payment_shows_no_failure_whichever_report_arrives_first(new_checkout, states):
    errors = {"failed": "The bank declined it.", "captured": ""}
    for state in states:
        payment = settle(
            new_checkout, state=Payment.State(state), was_captured=state == "captured", error=errors[state]
        )

    payment.refresh_from_db()
    assert (payment.state, payment.error) == ("captured", "")


def test_payment_of_another_order_is_a_mismatch(new_checkout):
    settle(new_checkout)
    other = checkout(new_checkout.new_booking.booking.service)

    with pytest.raises(PaymentMismatch):
        settle_payment(order_id=other.order.pk, gateway_payment=gateway_payment(new_checkout), source=POLL)
    assert status_of(other) == "held"


def test_refund_that_we_did_not_request_gets_a_row(new_checkout):
    payment = settle(new_checkout)

    for _ in range(2):
        settle_refund(payment_pk=payment.pk, gateway_refund=gateway_refund(), source=WEBHOOK)

    refund = Refund.objects.get()
    payment.refresh_from_db()
    assert (refund.source, refund.state, payment.state) == (Refund.Source.EXTERNAL, "processed", "refunded")


def test_partial_refund_leaves_the_payment_captured(new_checkout):
    payment = settle(new_checkout)

    settle_refund(payment_pk=payment.pk, gateway_refund=gateway_refund(amount_minor=20_000), source=WEBHOOK)

    payment.refresh_from_db()
    assert (payment.state, payment.refundable_minor()) == ("captured", 30_000)
