import pytest

from bookings.models import Booking
from foundation.models import PeriodicTask
from payments.models import Discrepancy, PaymentOrder
from payments.polling.daily_reconciliation import reconcile
from tests.builders.http_server import scripted_server
from tests.builders.payments import checkout

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", ["RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"])
def test_reconciliation_makes_no_call_while_razorpay_is_not_configured(settings, name):
    setattr(settings, name, " ")
    with scripted_server() as razorpay:
        settings.RAZORPAY_API_BASE_URL = razorpay.url

        compared = reconcile()

    assert (compared, razorpay.requests) == (0, [])


def test_reconcile_settles_an_unreported_payment(sandbox):
    new_checkout = checkout()
    sandbox.client.pay(new_checkout.order.razorpay_order_id)

    reconcile()

    assert Booking.objects.get(pk=new_checkout.new_booking.booking.pk).status == "confirmed"
    assert PeriodicTask.objects.get(name="daily_reconciliation").ended_at is not None


def test_reconcile_records_a_payment_of_an_unknown_order_as_discrepancy(sandbox):
    new_checkout = checkout()
    checkout_response = sandbox.client.pay(new_checkout.order.razorpay_order_id)
    PaymentOrder.objects.update(razorpay_order_id="order_OfAnotherApp1")

    reconcile()

    assert Discrepancy.objects.filter(gateway_id=checkout_response["razorpay_payment_id"]).count() == 1
