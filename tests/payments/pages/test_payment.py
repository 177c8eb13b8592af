from uuid import uuid4

import pytest
from django.test import Client

from bookings.models import Booking
from payments.models import Refund
from tests.builders.accounts import sign_in_staff
from tests.builders.payments import make_captured_payment

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def refund_form(**changes):
    return {"key": str(uuid4()), "amount_minor": "100.50", "reason": "Shorter visit", "booking": "stands", **changes}


def test_partial_refund_is_requested_and_keeps_the_booking(manager, payment):
    response = manager.post(f"/payments/{payment.pk}/refund", refund_form(), follow=True)

    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.requested_by) == (10_050, "staff Managers")
    assert "A refund of INR 100.50 is on its way" in response.content.decode()
    assert Booking.objects.get().status == "confirmed"


def test_refund_form_sent_twice_requests_one_refund(manager, payment):
    form = refund_form()

    for _ in range(2):
        manager.post(f"/payments/{payment.pk}/refund", form)

    assert Refund.objects.count() == 1


def test_refund_cancels_the_booking_if_chosen(manager, payment):
    manager.post(f"/payments/{payment.pk}/refund", refund_form(booking="cancel"))

    assert Booking.objects.get().status == "cancelled"


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": "0"},
        {"amount_minor": "-1"},
        {"amount_minor": "500.01"},
        {"amount_minor": "1.005"},
        {"amount_minor": "abc"},
        {"amount_minor": "NaN"},
        {"amount_minor": "1e400"},
        {"amount_minor": ""},
        {"reason": ""},
        {"booking": ""},
        {"booking": "perhaps"},
        {"key": "not a uuid"},
        {"reason": "\0"},
    ],
)
def test_refund_form_with_invalid_input_shows_an_error_and_changes_nothing(manager, payment, change):
    response = manager.post(f"/payments/{payment.pk}/refund", refund_form(**change))

    assert (response.status_code, Refund.objects.count()) == (200, 0)
    assert "errornote" in response.content.decode() or "errorlist" in response.content.decode()


def test_payment_page_offers_a_refund_to_managers_only(front_desk, manager, payment):
    pages = [client.get(f"/payments/{payment.pk}") for client in (front_desk, manager)]

    assert [(page.status_code, "Refund</button>" in page.content.decode()) for page in pages] == [
        (200, False),
        (200, True),
    ]
    assert front_desk.post(f"/payments/{payment.pk}/refund", refund_form()).status_code == 403
    assert Refund.objects.count() == 0


def test_payment_page_shows_the_fee_of_the_customer_and_offers_a_refund_without_it(manager, sandbox):
    sandbox.client.set(customer_bears_fee=True)
    payment = make_captured_payment(sandbox)

    page = manager.get(f"/payments/{payment.pk}")
    refused = manager.post(f"/payments/{payment.pk}/refund", refund_form(amount_minor="500.01"))

    content = page.content.decode()
    for amount in ("INR 511.80", "INR 11.80", "INR 500.00"):
        assert f"<dd>{amount}" in content
    assert page.context["refund_form"]["amount_minor"].value() == "500.00"
    assert "At most INR 500.00 of this payment can be refunded." in refused.content.decode()


def test_payment_page_without_permission_is_403():
    assert Client().get("/payments/1").status_code == 302
    assert sign_in_staff(None).get("/payments/1").status_code == 403
