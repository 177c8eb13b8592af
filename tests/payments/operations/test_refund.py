from uuid import uuid4

import pytest

from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from payments.balance import balance_of
from payments.exceptions import FormAlreadySent, RefundTooLarge
from payments.models import Payment, Refund
from payments.operations.refund import refund_payment
from tests.builders.bookings import DESK, slot
from tests.builders.payments import checkout, count_messages_by_kind, gateway_refund_amounts, pay_out, verify
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)


def refund(payment, amount=50_000, key=None, **options):
    return refund_payment(payment_id=payment.pk, amount_minor=amount, key=key or uuid4(), actor=DESK, **options)


def test_refund_cancels_the_booking_if_requested(sandbox, payment):
    refund(payment, cancels_booking=True)

    assert Booking.objects.get().status == "cancelled"
    assert count_messages_by_kind()["booking_cancelled"] == 3


def test_partial_refunds_are_limited_to_the_payment(sandbox, payment):
    refund(payment, 20_000)
    refund(payment, 30_000)
    with pytest.raises(RefundTooLarge, match=r"At most INR 0\.00"):
        refund(payment, 1)
    run_due_tasks()

    assert sorted(gateway_refund_amounts(sandbox, payment)) == [20_000, 30_000]


def test_staff_cannot_refund_what_the_desk_has_paid_out(sandbox, payment):
    pay_out(payment.booking, 20_000)

    with pytest.raises(RefundTooLarge, match=r"At most INR 300\.00"):
        refund(payment, 30_001)
    refund(payment, 30_000)

    assert balance_of(payment.booking).held_minor == 0


def test_form_that_was_sent_for_another_payment_refunds_nothing(sandbox, payment):
    other_checkout = checkout(payment.booking.service, starts_at=slot(hour=14))
    verify(sandbox.client.pay(other_checkout.order.razorpay_order_id))
    other_payment = Payment.objects.exclude(pk=payment.pk).get()
    key = uuid4()
    refund(payment, 10_000, key)

    with pytest.raises(FormAlreadySent, match="Reload the page"):
        refund(other_payment, 10_000, key)

    assert [row.payment_id for row in Refund.objects.all()] == [payment.pk]


@pytest.mark.parametrize("amount", [0, -1, 50_001])
def test_refund_of_an_invalid_amount_is_refused(sandbox, payment, amount):
    with pytest.raises(RefundTooLarge):
        refund(payment, amount)

    assert Refund.objects.count() == 0


def test_refund_requested_twice_with_one_key_is_one_refund(sandbox, payment):
    key = uuid4()

    refund(payment, 10_000, key)
    refund(payment, 10_000, key)

    assert Refund.objects.count() == 1


def test_concurrent_refunds_never_exceed_the_payment(sandbox, payment):
    errors = run_concurrently([lambda: refund(payment, 30_000)] * 8)
    run_due_tasks()

    assert [type(error) for error in errors] == [RefundTooLarge] * 7
    assert gateway_refund_amounts(sandbox, payment) == [30_000]
