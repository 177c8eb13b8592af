import pytest

from payments.models import DeskPayment, Discrepancy, GatewayEvent, Refund

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("model", ["paymentorder", "payment", "refund", "deskpayment", "discrepancy", "gatewayevent"])
def test_admin_list_and_detail_pages_open_without_personal_data(manager, payment, model):
    GatewayEvent.objects.create(event_id="evt_1", kind="payment.captured", body={"email": "a@b.c"})
    Discrepancy.objects.create(gateway_id="pay_x", cause="c", amount_minor=1, currency="INR")
    Refund.objects.create(payment=payment, amount_minor=1, currency="INR", source="staff", requested_by="x")
    DeskPayment.objects.create(
        booking=payment.booking, kind="taken", method="cash", amount_minor=1, currency="INR", taken_by="x"
    )

    list_page = manager.get(f"/admin/payments/{model}/")

    assert list_page.status_code == 200
    key = list_page.context["cl"].result_list[0].pk
    detail_page = manager.get(f"/admin/payments/{model}/{key}/change/")
    assert (detail_page.status_code, "a@b.c" in detail_page.content.decode()) == (200, False)
