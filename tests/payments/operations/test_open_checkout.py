"""GET /bookings/{id}/checkout: the open checkout of a live hold, or why there is none."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from bookings.models import Booking
from bookings.operations import cancel_booking
from foundation.background_tasks import run_due_tasks
from payments.models import PaymentOrder
from payments.polling.webhook_events import process_events
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_booking, make_paid_service
from tests.builders.callers import service_client, staff_client
from tests.builders.payments import payment_entity, post_webhook, verify, webhook_event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def created(api, sandbox):
    return api.post("/bookings/razorpay-booking", booking_request(make_paid_service()), format="json").json()


def get_checkout(client, booking, **headers):
    return client.get(f"/bookings/{booking['id']}/checkout", headers=headers)


def with_token(booking):
    return {"X-Booking-Token": booking["manage_token"]}


def test_open_checkout_is_the_one_of_the_booking_response(api, created):
    booking = created["booking"]

    response = get_checkout(api, booking, **with_token(booking))

    body = response.json()
    assert response.status_code == 200
    assert body["booking"] == {name: value for name, value in booking.items() if name != "manage_token"}
    assert created["checkout"]["timeout"] - body["checkout"].pop("timeout") in range(60)
    assert body["checkout"] == {name: value for name, value in created["checkout"].items() if name != "timeout"}


def test_open_checkout_can_be_paid(api, sandbox, created):
    order_id = get_checkout(api, created["booking"], **with_token(created["booking"])).json()["checkout"]["order_id"]

    assert verify(sandbox.client.pay(order_id)).status == "confirmed"


def test_open_checkout_leaves_at_least_a_minute_to_pay(api, created):
    Booking.objects.update(hold_expires_at=timezone.now() + timedelta(minutes=2))

    response = get_checkout(api, created["booking"], **with_token(created["booking"]))

    assert response.json()["checkout"]["timeout"] == 60


def test_checkout_of_a_customer_without_an_email_address_prefills_none(sandbox):
    body = booking_request(make_paid_service(), customer={**CUSTOMER, "email": ""})

    created = staff_client().post("/bookings/razorpay-booking", body, format="json").json()

    assert created["checkout"]["prefill"] == {"name": CUSTOMER["name"], "contact": CUSTOMER["phone"]}


def cancel(sandbox, created):
    cancel_booking(booking_id=created["booking"]["id"], actor=DESK)


def let_expire(sandbox, created):
    Booking.objects.update(hold_expires_at=timezone.now())


def expire(sandbox, created):
    let_expire(sandbox, created)
    run_due_tasks()


def pay(sandbox, created):
    verify(sandbox.client.pay(created["checkout"]["order_id"]))


def pay_and_refund_at_the_gateway(sandbox, created):
    entity = payment_entity(SimpleNamespace(order=PaymentOrder.objects.get()), amount_refunded=50_000)
    post_webhook(webhook_event("payment.captured", payment=entity))
    process_events()
    assert Booking.objects.get().status == "held"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (cancel, "hold_over"),
        (let_expire, "hold_over"),
        (expire, "hold_over"),
        (pay, "already_paid"),
        (pay_and_refund_at_the_gateway, "already_paid"),
    ],
)
def test_checkout_that_is_over_says_why(api, sandbox, created, end, code):
    end(sandbox, created)

    response = get_checkout(api, created["booking"], **with_token(created["booking"]))

    assert (response.status_code, response.json()["code"]) == (409, code)
    assert response["Content-Type"] == "application/problem+json"


def test_booking_that_is_not_paid_online_has_no_checkout(sandbox):
    response = get_checkout(staff_client(), {"id": make_booking().pk})

    assert (response.status_code, response.json()["code"]) == (409, "not_paid_online")


def test_checkout_whose_order_the_gateway_has_not_created_is_503(api, sandbox):
    sandbox.client.set(gateway_error_before=1)
    booking = api.post("/bookings/razorpay-booking", booking_request(make_paid_service()), format="json").json()

    response = get_checkout(staff_client(), booking["booking"])

    assert (response.status_code, response.json()["code"]) == (503, "gateway_unavailable")
    assert int(response["Retry-After"]) > 0


def test_service_token_that_created_the_booking_gets_its_checkout(api, sandbox):
    website = service_client("Website")
    body = booking_request(make_paid_service())
    booking = website.post("/bookings/razorpay-booking", body, format="json").json()["booking"]

    statuses = [get_checkout(client, booking).status_code for client in (website, service_client("Kiosk"), api)]

    assert statuses == [200, 404, 404]
