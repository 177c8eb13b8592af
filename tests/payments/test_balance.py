from uuid import uuid4

import pytest

from bookings.models import Booking
from bookings.operations import cancel_booking, complete_booking, decline_booking
from foundation.background_tasks import run_due_tasks
from payments.balance import Balance, balance_of, payments_under_review
from payments.exceptions import PayoutTooLarge, ReviewNotPossible
from payments.models import DeskPayment, Payment
from payments.operations import void_desk_payment
from payments.operations.refund import refund_payment
from payments.operations.review import ReviewDecision, decide_review
from tests.builders.bookings import (
    CUSTOMER_ACTOR,
    DESK,
    make_booking,
    make_paid_service,
    make_service,
    set_minutes_until_visit,
)
from tests.builders.payments import checkout, make_captured_payment, make_orders_due, pay_at_desk, pay_out, verify
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = 50_000


def refund(payment, amount_minor):
    return refund_payment(payment_id=payment.pk, amount_minor=amount_minor, key=uuid4(), actor=DESK)


def due(booking):
    booking.refresh_from_db()
    return balance_of(booking).due_minor


@pytest.mark.parametrize(
    ("charge", "received", "returned", "due_minor"),
    [
        (500, 0, 0, 500),
        (500, 200, 0, 300),
        (500, 500, 0, 0),
        (500, 500, 100, 0),  # an agreed reduction
        (500, 500, 500, 0),
        (1_000, 300, 100, 700),
        (500, 1_000, 0, -500),  # paid twice
        (500, 1_000, 200, -300),
        (500, 1_000, 500, 0),
        (500, 1_000, 700, 0),
        (0, 0, 0, 0),  # a booking that does not stand
        (0, 500, 0, -500),
        (0, 500, 500, 0),
    ],
)
@pytest.mark.parametrize("is_online", [True, False])
def test_returned_money_settles_what_was_overpaid_and_does_not_become_due_again(
    charge, received, returned, due_minor, is_online
):
    online = (received, returned, 0, 0) if is_online else (0, 0, received, returned)

    assert Balance(charge, *online, review_minor=0, currency="INR").due_minor == due_minor


def test_refunded_amount_does_not_become_due_again(payment):
    refund(payment, 10_000)

    balance = balance_of(payment.booking)

    assert (balance.online_minor, balance.refunded_minor, balance.due_minor) == (PRICE, 10_000, 0)


def test_nothing_is_due_after_a_second_payment_at_the_desk_was_refunded_online(payment):
    pay_at_desk(payment.booking)
    overpaid = due(payment.booking)

    refund(payment, PRICE)

    assert (overpaid, due(payment.booking)) == (-PRICE, 0)


@pytest.mark.parametrize("actor", [CUSTOMER_ACTOR, DESK], ids=["customer", "staff"])
def test_nothing_is_due_for_an_unpaid_booking_that_was_cancelled(actor):
    booking = make_booking()

    cancel_booking(booking_id=booking.pk, actor=actor)

    assert due(booking) == 0


def test_nothing_is_due_for_a_declined_request():
    booking = make_booking()

    decline_booking(booking_id=booking.pk, actor=DESK)

    assert due(booking) == 0


def test_price_stays_due_after_the_visit(payment):
    unpaid = make_booking(make_service(requires_confirmation=False, slug="unpaid"))
    for booking in (payment.booking, unpaid):
        set_minutes_until_visit(booking, 0)
    complete_booking(booking_id=payment.booking_id, actor=DESK)

    complete_booking(booking_id=unpaid.pk, actor=DESK)

    assert (due(payment.booking), due(unpaid)) == (0, PRICE)


def test_desk_payment_for_a_cancelled_booking_is_overpaid_until_it_is_paid_out():
    booking = make_booking()
    pay_at_desk(booking)
    cancel_booking(booking_id=booking.pk, actor=DESK)
    before = due(booking)

    pay_out(booking, PRICE)

    assert (before, due(booking)) == (-PRICE, 0)


def test_refund_that_is_requested_counts_and_the_booking_is_settled(payment):
    cancel_booking(booking_id=payment.booking_id, actor=CUSTOMER_ACTOR)

    balance = balance_of(payment.booking)

    assert (balance.online_minor, balance.refunded_minor) == (PRICE, PRICE)
    assert due(payment.booking) == 0


def test_money_under_review_is_not_counted_until_a_manager_has_decided(sandbox):
    new_checkout = checkout()
    booking = new_checkout.new_booking.booking
    sandbox.client.pay(new_checkout.order.razorpay_order_id, amount=51_000)
    make_orders_due()
    run_due_tasks()
    before = balance_of(booking)

    decide_review(
        payment_id=Payment.objects.get().pk, decision=ReviewDecision.APPLY_TO_BOOKING, note="Fee.", actor=DESK
    )

    booking.refresh_from_db()
    after = balance_of(booking)
    assert (before.review_minor, before.online_minor, before.due_minor) == (51_000, 0, PRICE)
    assert (after.review_minor, after.online_minor, after.due_minor) == (0, 51_000, -1_000)


def test_fee_that_the_customer_bears_is_neither_due_nor_overpaid(sandbox):
    sandbox.client.set(customer_bears_fee=True)
    new_checkout = checkout(make_paid_service(price_minor=120_000))
    booking = verify(sandbox.client.pay(new_checkout.order.razorpay_order_id))
    run_due_tasks()

    payment, balance = Payment.objects.get(), balance_of(booking)

    assert (payment.amount_minor, payment.disposition, payment.state) == (122_832, "confirms", "captured")
    assert (balance.online_minor, balance.review_minor, balance.due_minor) == (120_000, 0, 0)


@pytest.mark.parametrize("is_captured", [True, False])
def test_wrong_amount_of_a_booking_confirmed_by_signature_is_due_and_under_review(sandbox, is_captured):
    new_checkout = checkout()
    booking = verify(sandbox.client.pay(new_checkout.order.razorpay_order_id, amount=51_000, capture=is_captured))
    run_due_tasks()

    balance = balance_of(booking)

    assert Booking.objects.get().status == "confirmed"
    assert (balance.review_minor, balance.due_minor) == (51_000, PRICE)


def test_refunded_part_of_a_payment_is_not_under_review(sandbox):
    new_checkout = checkout()
    booking = verify(sandbox.client.pay(new_checkout.order.razorpay_order_id, amount=51_000))
    run_due_tasks()
    payment = Payment.objects.get()
    refund(payment, 11_000)
    partly_refunded = balance_of(booking).review_minor
    refund(payment, 40_000)

    assert (partly_refunded, balance_of(booking).review_minor, payments_under_review(booking)) == (40_000, 0, [])


def test_payment_in_another_currency_is_not_added_to_the_balance(sandbox):
    new_checkout = checkout()
    booking = verify(sandbox.client.pay(new_checkout.order.razorpay_order_id, currency="JPY"))
    run_due_tasks()
    payment = Payment.objects.get()
    under_review = [(row.amount_minor, row.payment.currency) for row in payments_under_review(booking)]
    before = balance_of(booking)

    with pytest.raises(ReviewNotPossible, match="priced in INR"):
        decide_review(payment_id=payment.pk, decision=ReviewDecision.APPLY_TO_BOOKING, note="x", actor=DESK)
    decide_review(payment_id=payment.pk, decision=ReviewDecision.REFUND_ALL, note="x", actor=DESK)

    after = balance_of(booking)
    assert under_review == [(PRICE, "JPY")]
    assert (before.review_minor, before.due_minor) == (0, PRICE)
    assert (after.online_minor, after.refunded_minor, after.due_minor) == (0, 0, PRICE)


def test_payment_known_only_by_its_signature_counts(sandbox):
    new_checkout = checkout()
    booking = verify(sandbox.client.pay(new_checkout.order.razorpay_order_id))

    assert due(booking) == 0


@pytest.mark.parametrize(("taken", "paid_out"), [(0, 1), (PRICE, PRICE + 1)])
def test_payout_above_what_was_received_is_refused(taken, paid_out):
    booking = make_booking()
    if taken:
        pay_at_desk(booking, taken)

    with pytest.raises(PayoutTooLarge, match="can be paid out"):
        pay_out(booking, paid_out)

    assert not DeskPayment.objects.filter(kind=DeskPayment.Kind.PAID_OUT).exists()


def test_payout_above_what_refunds_have_left_is_refused(sandbox):
    payment = make_captured_payment(sandbox)
    refund(payment, 30_000)
    pay_out(payment.booking, 20_000)

    with pytest.raises(PayoutTooLarge):
        pay_out(payment.booking, 1)


def test_desk_payment_whose_money_was_paid_out_cannot_be_voided():
    booking = make_booking()
    desk_payment = pay_at_desk(booking)
    payout = pay_out(booking, 10_000)

    with pytest.raises(PayoutTooLarge, match="Void the payout first"):
        void_desk_payment(desk_payment_id=desk_payment.pk, actor=DESK)
    void_desk_payment(desk_payment_id=payout.pk, actor=DESK)

    assert void_desk_payment(desk_payment_id=desk_payment.pk, actor=DESK)


def test_concurrent_payouts_do_not_exceed_what_came_in():
    booking = make_booking()
    pay_at_desk(booking)

    errors = run_concurrently([lambda: pay_out(booking, PRICE)] * 4)

    assert [type(error) for error in errors] == [PayoutTooLarge] * 3
    assert DeskPayment.objects.filter(kind=DeskPayment.Kind.PAID_OUT).count() == 1
