from uuid import uuid4

import pytest

from payments.balance import balance_of
from payments.operations.refund import refund_payment
from tests.builders.bookings import DESK

pytestmark = pytest.mark.django_db(transaction=True)


def test_refunded_amount_does_not_become_due_again(payment):
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)

    balance = balance_of(payment.booking)

    assert (balance.online_minor, balance.refunded_minor, balance.due_minor) == (50_000, 10_000, 0)
