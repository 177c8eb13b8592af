import pytest

from bookings.models import Booking
from foundation.models import PeriodicTask
from payments.models import Discrepancy, PaymentOrder
from payments.polling.daily_reconciliation import reconcile
from tests.builders.payments import checkout

pytestmark = pytest.mark.django_db(transaction=True)


def test_reconcile_settles_an_unreported_payment(sandbox):
    started = checkout()
    sandbox.client.pay(started.order.razorpay_order_id)

    reconcile()

    assert Booking.objects.get(pk=started.new_booking.booking.pk).status == "confirmed"
    assert PeriodicTask.objects.get(name="daily_reconciliation").ended_at is not None


def test_reconcile_records_a_payment_of_an_unknown_order_as_discrepancy(sandbox):
    started = checkout()
    paid = sandbox.client.pay(started.order.razorpay_order_id)
    PaymentOrder.objects.update(razorpay_order_id="order_OfAnotherApp1")

    reconcile()

    assert Discrepancy.objects.filter(gateway_id=paid["razorpay_payment_id"]).count() == 1
