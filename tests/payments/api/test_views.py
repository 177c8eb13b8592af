import time

import pytest

from bookings.models import Booking
from bookings.operations import release_hold
from payments.models import Payment, PaymentOrder
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_paid_service, make_service, slot
from tests.builders.callers import staff_client

pytestmark = pytest.mark.django_db(transaction=True)

CHECKOUT, VERIFY = "/bookings/razorpay-booking", "/bookings/verify-payment"


def make_paid_hold(api, sandbox, service):
    content = api.post(CHECKOUT, booking_request(service), format="json").json()
    return content["booking"], sandbox.client.pay(content["checkout"]["order_id"])


@pytest.mark.short_deadline
def test_checkout_with_a_slow_gateway_is_503_within_the_deadline(sandbox, api):
    service = make_paid_service()
    sandbox.client.set(gateway_hang_before=1, hang_seconds=5)

    start = time.monotonic()
    response = api.post(CHECKOUT, booking_request(service), format="json")

    assert time.monotonic() - start < 5  # the gateway has not responded yet
    assert (response.status_code, response["Retry-After"], response.json()["code"]) == (503, "5", "gateway_unavailable")
    assert response.json()["booking"]["status"] == "held"


def test_checkout_response_has_the_fields_of_razorpay_checkout(sandbox, api):
    service = make_paid_service()
    body = {"service": service.slug, "starts_at": slot().isoformat(), "customer": CUSTOMER}

    response = api.post("/bookings/razorpay-booking", body, format="json").json()

    assert 590 <= response["checkout"].pop("timeout") <= 600
    assert response["checkout"] == {
        "key": "rzp_test_sandbox",
        "order_id": PaymentOrder.objects.get().razorpay_order_id,
        "amount": 50_000,
        "currency": "INR",
        "name": "Daybook",
        "description": f"{service.name} ({response['booking']['reference']})",
        "prefill": {"name": "Meera Iyer", "email": "meera@example.com", "contact": "+919812340003"},
        "notes": {"booking": response["booking"]["reference"]},
    }


@pytest.mark.parametrize("name", ["RAZORPAY_KEY_ID", "RAZORPAY_KEY_SECRET"])
@pytest.mark.parametrize("blank", ["", " "])
def test_checkout_is_not_found_while_razorpay_is_not_configured(sandbox, api, settings, name, blank):
    service = make_paid_service()
    setattr(settings, name, blank)

    responses = [
        api.post(CHECKOUT, booking_request(service), format="json"),
        api.post(VERIFY, {}, format="json"),
    ]

    assert [(response.status_code, response.json()["code"]) for response in responses] == [(404, "not_found")] * 2
    assert Booking.objects.count() == 0


def test_checkout_ignores_a_price_from_the_client(sandbox, api):
    service = make_paid_service()
    body = {"service": service.slug, "starts_at": slot().isoformat(), "customer": CUSTOMER}
    forged = {"price_minor": 1, "amount": 1, "currency": "XXX", "status": "confirmed", "due_online_minor": 1}

    api.post("/bookings/razorpay-booking", {**body, **forged}, format="json")

    booking = Booking.objects.get()
    assert (booking.price_minor, booking.currency, booking.status) == (50_000, "INR", "held")
    assert PaymentOrder.objects.get().amount_minor == 50_000


@pytest.mark.parametrize(("group", "status_code"), [("Front desk", 201), (None, 400)])
def test_checkout_with_allow_overlap_needs_the_permission_to_book(sandbox, group, status_code):
    client, body = staff_client(make_staff(group=group)), booking_request(make_paid_service(resources=2))
    first = client.post(CHECKOUT, body, format="json")

    second = client.post(CHECKOUT, {**body, "allow_overlap": True}, format="json")

    assert (first.status_code, second.status_code) == (201, status_code)


def test_checkout_of_a_service_without_prepayment_is_422(sandbox, api):
    body = {"service": make_service().slug, "starts_at": slot().isoformat(), "customer": CUSTOMER}

    response = api.post("/bookings/razorpay-booking", body, format="json")

    assert (response.status_code, response.json()["code"]) == (422, "wrong_payment_mode")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("razorpay_order_id", "order_1/../../payments"),
        ("razorpay_payment_id", "pay_1?x=1"),
        ("razorpay_payment_id", None),
        ("razorpay_signature", "A" * 64),
        ("razorpay_signature", ["0" * 64]),
    ],
)
def test_verify_payment_with_an_invalid_id_names_the_field(api, field, value):
    valid = {"razorpay_order_id": "order_1", "razorpay_payment_id": "pay_1", "razorpay_signature": "0" * 64}

    response = api.post("/bookings/verify-payment", {**valid, field: value}, format="json")

    assert (response.status_code, [error["field"] for error in response.json()["errors"]]) == (400, [field])


def test_repeated_verify_payment_returns_the_same_response(sandbox, api):
    hold, checkout_response = make_paid_hold(api, sandbox, make_paid_service())

    first, second = (api.post(VERIFY, checkout_response, format="json") for _ in range(2))

    assert (hold["status"], first.status_code, first.json()["booking"]["status"]) == ("held", 200, "confirmed")
    assert second.json() == first.json()
    assert Payment.objects.count() == 1


def test_verify_payment_with_a_wrong_signature_is_400_and_changes_nothing(sandbox, api):
    _, checkout_response = make_paid_hold(api, sandbox, make_paid_service())

    response = api.post(VERIFY, {**checkout_response, "razorpay_signature": "0" * 64}, format="json")

    assert (response.status_code, response.json()["code"]) == (400, "signature_invalid")
    assert (Payment.objects.count(), Booking.objects.get().status) == (0, "held")


def test_verify_payment_of_an_unknown_order_is_404(api):
    values = {"razorpay_order_id": "order_1", "razorpay_payment_id": "pay_1", "razorpay_signature": "0" * 64}

    response = api.post(VERIFY, values, format="json")

    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_verify_payment_too_late_is_409_and_announces_a_refund(sandbox, api):
    service = make_paid_service()
    hold, checkout_response = make_paid_hold(api, sandbox, service)
    release_hold(booking_id=hold["id"], actor=DESK)
    api.post(CHECKOUT, booking_request(service), format="json")

    response = api.post(VERIFY, checkout_response, format="json")

    assert (response.status_code, response.json()["code"]) == (409, "paid_too_late")
    assert "refunded" in response.json()["detail"]


def test_checkout_with_an_order_rejected_by_the_gateway_is_502(sandbox, api):
    service = make_paid_service(payment_mode="deposit", deposit_minor=50)  # below the gateway's minimum

    response = api.post(CHECKOUT, booking_request(service), format="json")

    assert (response.status_code, response.json()["code"]) == (502, "gateway_rejected")
    assert Booking.objects.get().status == "expired"
