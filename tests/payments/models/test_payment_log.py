import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError

from payments.models import PaymentLog
from tests.builders.payments import checkout, verify

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments_paymentlog SET note = 'x'",
        "UPDATE payments_paymentlog SET note = 'Erased', moved_to = 'x'",
        "DELETE FROM payments_paymentlog",
    ],
)
def test_payment_log_is_append_only(sandbox, statement):
    verify(sandbox.client.pay(checkout().order.razorpay_order_id))
    assert PaymentLog.objects.exists()

    with pytest.raises((InternalError, IntegrityError), match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.parametrize(("moved_from", "text"), [("open", "open → lost"), ("", "lost")])
def test_payment_log_without_a_previous_state_names_only_the_new_one(moved_from, text):
    assert str(PaymentLog(moved_from=moved_from, moved_to="lost")) == text
