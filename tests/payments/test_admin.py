import pytest

from payments.models import DeskPayment, Discrepancy, GatewayEvent, Refund

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("model", ["paymentorder", "payment", "refund", "deskpayment", "discrepancy", "gatewayevent"])
def test_admin_list_and_row_of_each_model_open_without_personal_data(manager, payment, model):
    GatewayEvent.objects.create(event_id="evt_1", kind="payment.captured", body={"email": "a@b.c"})
    Discrepancy.objects.create(gateway_id="pay_x", cause="c", amount_minor=1, currency="INR")
    Refund.objects.create(payment=payment, amount_minor=1, currency="INR", source="staff", requested_by="x")
    DeskPayment.objects.create(booking=payment.booking, method="cash", amount_minor=1, currency="INR", taken_by="x")

    page = manager.get(f"/admin/payments/{model}/")

    assert page.status_code == 200
    key = page.context["cl"].result_list[0].pk
    row = manager.get(f"/admin/payments/{model}/{key}/change/")
    assert (row.status_code, "a@b.c" in row.content.decode()) == (200, False)
