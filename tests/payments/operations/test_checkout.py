from collections import Counter
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from unittest.mock import MagicMock
from uuid import uuid4

import pytest
from django.db.models import F
from django.utils import timezone
from rest_framework.test import APIClient

from bookings.api.idempotency import Execution
from bookings.models import Booking, IdempotencyKey
from bookings.operations import release_hold
from foundation.background_tasks import run_due_tasks
from notifications.models import Notification
from payments.exceptions import PaidTooLate
from payments.gateway import api as gateway
from payments.gateway import circuit_breaker as breaker_module
from payments.gateway import deadline
from payments.models import GatewayEvent, Payment, PaymentLog, PaymentOrder, Refund
from payments.operations import checkout as checkout_module
from payments.polling.orders import poll_orders
from payments.polling.webhook_events import process_events
from tests.builders.bookings import CUSTOMER, DESK, booking_request, make_paid_service
from tests.builders.callers import OTHER_ADDRESS
from tests.builders.payments import checkout, make_orders_due, payment_entity, post_webhook, verify, webhook_event
from tests.threads import run_concurrently

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/bookings/razorpay-booking"


def request_booking(api, body, key):
    return api.post(URL, body, format="json", headers={"Idempotency-Key": key} if key else {})


def gateway_orders(sandbox, order):
    return [entry for entry in sandbox.client.log(kind="order.created") if entry["receipt"] == order.receipt]


@pytest.mark.parametrize(
    "fault", ["error_before", "error_after", "html_error", "reset_before", "reset_after", "throttle"]
)
def test_checkout_after_a_gateway_fault_resumes_with_the_same_key(sandbox, api, fault):
    body, key = booking_request(make_paid_service()), str(uuid4())
    sandbox.client.set(**{f"gateway_{fault}": 1})
    first = request_booking(api, body, key)
    sandbox.client.set(**{f"gateway_{fault}": 0})

    second, third = request_booking(api, body, key), request_booking(api, body, key)

    order = PaymentOrder.objects.get()
    assert (first.status_code, first.headers["Retry-After"], second.status_code) == (503, "5", 201)
    assert (third.content, third.headers["Idempotent-Replayed"]) == (second.content, "true")
    assert (Booking.objects.count(), order.state, len(gateway_orders(sandbox, order))) == (1, "open", 1)


def test_checkout_that_the_gateway_rate_limits_names_the_time_of_its_retry_after(sandbox, api, monkeypatch):
    monkeypatch.setattr(deadline, "circuit_breaker", breaker_module.CircuitBreaker(failures=5, pause_seconds=5))
    body, key = booking_request(make_paid_service()), str(uuid4())
    sandbox.client.set(gateway_throttle=1, throttle_retry_after=90)

    first = request_booking(api, body, key)
    sandbox.client.set(gateway_throttle=0)
    second = request_booking(api, body, key)

    assert (first.status_code, first.headers["Retry-After"]) == (503, "90")
    assert (second.status_code, 85 <= int(second.headers["Retry-After"]) <= 90) == (503, True)


def test_checkout_without_key_resumes_for_an_equal_body(sandbox, api, settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service(resources=2)
    body, other_doctor = booking_request(service), service.resources.last()
    sandbox.client.set(gateway_error_before=1)
    first = api.post(URL, body, format="json")
    sandbox.client.set(gateway_error_before=0)

    changes = [{"customer": {**CUSTOMER, "name": "Ravi"}}, {"notes": "Ramp"}, {"resource": other_doctor.pk}]
    changed_codes = [api.post(URL, {**body, **change}, format="json").json()["code"] for change in changes]
    second = api.post(URL, body, format="json")
    third = api.post(URL, body, format="json")

    booking = second.json()["booking"]
    booking_response = api.get(f"/bookings/{booking['id']}", headers={"X-Booking-Token": booking["manage_token"]})
    assert (first.status_code, first.json()["booking"]["id"]) == (503, booking["id"])
    assert (second.status_code, booking_response.status_code, Booking.objects.count()) == (201, 200, 1)
    assert {*changed_codes} == {"hold_open"}
    assert (third.status_code, third.content) == (201, second.content)


def test_checkout_without_key_is_replayed_for_ten_minutes_after_it_resumed(sandbox, api, settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    body, waited = booking_request(make_paid_service()), timedelta(minutes=11)
    sandbox.client.set(gateway_error_before=1)
    api.post(URL, body, format="json")
    sandbox.client.set(gateway_error_before=0)
    IdempotencyKey.objects.update(created_at=F("created_at") - waited, locked_until=F("locked_until") - waited)

    resumed, repeat = api.post(URL, body, format="json"), api.post(URL, body, format="json")

    assert (resumed.status_code, repeat.status_code, repeat.content) == (201, 201, resumed.content)


def test_checkout_without_key_is_not_replayed_after_its_hold_ran_out(sandbox, api):
    body = booking_request(make_paid_service())
    first = api.post(URL, body, format="json").json()
    Booking.objects.update(hold_expires_at=timezone.now())

    second = api.post(URL, body, format="json")

    assert (second.status_code, second.json()["booking"]["id"] != first["booking"]["id"]) == (201, True)


@pytest.mark.parametrize("keys", [("first", "second"), ("first", None), (None, "second")])
def test_checkout_of_the_same_caller_with_the_same_input_resumes_under_another_key(sandbox, api, settings, keys):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    body = booking_request(make_paid_service(resources=2))
    sandbox.client.set(gateway_error_after=1)
    first = request_booking(api, body, keys[0])
    sandbox.client.set(gateway_error_after=0)

    second = request_booking(api, body, keys[1])
    repeat = request_booking(api, body, keys[1])

    booking, order = second.json()["booking"], PaymentOrder.objects.get()
    booking_response = api.get(f"/bookings/{booking['id']}", headers={"X-Booking-Token": booking["manage_token"]})
    assert (first.status_code, first.json()["booking"]["id"]) == (503, booking["id"])
    assert (second.status_code, booking_response.status_code, repeat.content) == (201, 200, second.content)
    assert (len(gateway_orders(sandbox, order)), IdempotencyKey.objects.count()) == (1, 1)


@pytest.mark.parametrize("key", ["second", "third"])
def test_checkout_that_was_taken_over_and_interrupted_again_resumes(sandbox, api, settings, key):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    body = booking_request(make_paid_service(resources=2))
    sandbox.client.set(gateway_error_before=1)
    interrupted = [request_booking(api, body, key).status_code for key in ("first", "second")]
    sandbox.client.set(gateway_error_before=0)

    resumed = request_booking(api, body, key)

    assert (interrupted, resumed.status_code) == ([503, 503], 201)
    assert (Booking.objects.count(), IdempotencyKey.objects.count()) == (1, 1)


def test_checkout_of_another_caller_does_not_resume(sandbox, api):
    body = booking_request(make_paid_service(resources=2))
    sandbox.client.set(gateway_error_before=1)
    first = request_booking(api, body, "first")
    sandbox.client.set(gateway_error_before=0)

    second = api.post(URL, body, format="json", REMOTE_ADDR=OTHER_ADDRESS)

    assert (second.status_code, second.json()["booking"]["id"] != first.json()["booking"]["id"]) == (201, True)


def test_checkout_that_is_still_running_is_not_taken_over(sandbox, api):
    body = booking_request(make_paid_service(resources=2))
    sandbox.client.set(gateway_error_before=1)
    request_booking(api, body, "first")
    sandbox.client.set(gateway_error_before=0)
    IdempotencyKey.objects.update(locked_until=timezone.now() + timedelta(seconds=20))

    second = request_booking(api, body, "second")

    assert (second.status_code, second.json()["code"]) == (409, "request_in_progress")
    assert IdempotencyKey.objects.count() == 1


def test_concurrent_checkouts_with_new_keys_resume_once(sandbox, api):
    body = booking_request(make_paid_service(resources=6))
    sandbox.client.set(gateway_error_before=1)
    request_booking(api, body, "first")
    sandbox.client.set(gateway_error_before=0)
    responses = []

    def repeat(key):
        responses.append(request_booking(APIClient(), body, key))

    errors = run_concurrently([partial(repeat, f"key {number}") for number in range(6)])

    refused = [response.json()["code"] for response in responses if response.status_code != 201]
    assert (errors, len(refused)) == ([], 5)
    assert {*refused} <= {"request_in_progress", "already_booked"}
    assert (Booking.objects.count(), PaymentOrder.objects.count()) == (1, 1)


def test_hold_of_another_caller_does_not_block_the_owner_of_the_number(sandbox, api, settings):
    settings.LIMIT_OPEN_HOLDS_PER_NUMBER = 1
    service = make_paid_service(resources=3)
    other_request = {**booking_request(service), "customer": {**CUSTOMER, "name": "Ravi", "email": "x@example.com"}}

    first = api.post(URL, other_request, format="json", REMOTE_ADDR=OTHER_ADDRESS)
    again = api.post(URL, {**other_request, "notes": "more"}, format="json", REMOTE_ADDR=OTHER_ADDRESS)
    owner = api.post(URL, booking_request(service), format="json")

    assert (first.status_code, again.json()["code"], owner.status_code) == (201, "hold_open", 201)


def test_checkout_without_key_resumes_after_polling_found_the_order(sandbox, api):
    body = booking_request(make_paid_service())
    sandbox.client.set(gateway_error_after=1)
    api.post(URL, body, format="json")
    sandbox.client.set(gateway_error_after=0)
    make_orders_due()
    poll_orders()
    order = PaymentOrder.objects.get()

    response = api.post(URL, body, format="json")

    assert (order.state, order.last_error) == ("open", "")
    assert (response.status_code, response.json()["checkout"]["order_id"]) == (201, order.razorpay_order_id)


def test_checkout_without_key_does_not_resume_a_released_hold(sandbox, api):
    body = booking_request(make_paid_service())
    sandbox.client.set(gateway_error_before=1)
    first = api.post(URL, body, format="json").json()["booking"]["id"]
    sandbox.client.set(gateway_error_before=0)
    release_hold(booking_id=first, actor=DESK)

    assert api.post(URL, body, format="json").json()["booking"]["id"] != first


def test_resumed_checkout_closes_before_its_hold_expires(sandbox, api):
    body = booking_request(make_paid_service())
    sandbox.client.set(gateway_error_before=1)
    api.post(URL, body, format="json")
    sandbox.client.set(gateway_error_before=0)
    Booking.objects.update(hold_expires_at=timezone.now() + timedelta(minutes=8))

    timeout = api.post(URL, body, format="json").json()["checkout"]["timeout"]

    assert 170 <= timeout <= 180


def test_concurrent_checkouts_without_key_resume_once(sandbox, api):
    body = booking_request(make_paid_service(resources=1))
    sandbox.client.set(gateway_error_before=1)
    api.post(URL, body, format="json")
    sandbox.client.set(gateway_error_before=0)
    statuses = []

    errors = run_concurrently([lambda: statuses.append(APIClient().post(URL, body, format="json").status_code)] * 6)

    assert (errors, {*statuses} <= {201, 409}, 201 in statuses) == ([], True, True)
    assert (Booking.objects.count(), PaymentOrder.objects.count()) == (1, 1)


def test_checkout_with_a_reused_key_and_another_body_is_refused(sandbox, api):
    body, key = booking_request(make_paid_service(resources=2)), str(uuid4())
    request_booking(api, body, key)

    assert request_booking(api, {**body, "notes": "another"}, key).json()["code"] == "idempotency_key_reused"
    assert Booking.objects.count() == 1


class Crash(BaseException):
    """The process is killed at this point."""


@pytest.mark.parametrize("step", ["after the hold", "after the gateway's response", "after the order is open"])
def test_checkout_after_a_crash_at_each_step_resumes(sandbox, api, monkeypatch, step):
    body, key = booking_request(make_paid_service()), str(uuid4())
    target = {
        "after the hold": (gateway, "create_order"),
        "after the gateway's response": (checkout_module, "adopt_order"),
        "after the order is open": (Execution, "store_response"),
    }[step]

    def crash(*args, **kwargs):
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(*target, crash)
        with pytest.raises(Crash):
            request_booking(api, body, key)
    response_while_locked = request_booking(api, body, key)
    IdempotencyKey.objects.update(locked_until=timezone.now())

    response = request_booking(api, body, key)

    order = PaymentOrder.objects.get()
    assert (response_while_locked.status_code, response_while_locked.json()["code"]) == (409, "request_in_progress")
    assert (response.status_code, response.json()["checkout"]["order_id"]) == (201, order.razorpay_order_id)
    assert (Booking.objects.count(), len(gateway_orders(sandbox, order))) == (1, 1)
    assert verify(sandbox.client.pay(order.razorpay_order_id)).status == "confirmed"


def test_checkout_after_the_hold_expired_starts_again(sandbox, api):
    body, key = booking_request(make_paid_service()), str(uuid4())
    sandbox.client.set(gateway_error_before=1)
    request_booking(api, body, key)
    sandbox.client.set(gateway_error_before=0)
    Booking.objects.update(hold_expires_at=timezone.now())

    response = request_booking(api, body, key)

    assert (response.status_code, response.json()["booking"]["status"]) == (201, "held")
    assert sorted(Booking.objects.values_list("status", flat=True)) == ["expired", "held"]


@pytest.mark.slow
def test_concurrent_verifications_webhooks_and_polls_settle_once(sandbox):
    new_checkout = checkout()
    checkout_response = sandbox.client.pay(new_checkout.order.razorpay_order_id)
    for number, kind in enumerate(["payment.captured", "payment.authorized", "order.paid"] * 2):
        entity = payment_entity(new_checkout, id=checkout_response["razorpay_payment_id"])
        assert post_webhook(webhook_event(kind, payment=entity), event_id=f"evt_{number}").status_code == 200
    make_orders_due()
    errors = run_concurrently([lambda: verify(checkout_response)] * 6 + [process_events] * 3 + [poll_orders] * 3)
    GatewayEvent.objects.exclude(state="done").update(next_try_at=timezone.now())
    process_events()

    payment = Payment.objects.get()
    assert errors == []
    assert (payment.state, payment.disposition, Notification.objects.count()) == ("captured", "confirms", 3)
    assert PaymentLog.objects.filter(moved_to="confirms").count() == 1
    assert Booking.objects.get().version == 2


@pytest.mark.slow
def test_concurrent_late_payments_for_one_slot_confirm_one_and_refund_the_others(sandbox):
    service = make_paid_service()
    late_responses = []
    for _ in range(4):
        new_checkout = checkout(service)
        release_hold(booking_id=new_checkout.new_booking.booking.pk, actor=DESK)
        late_responses.append(sandbox.client.pay(new_checkout.order.razorpay_order_id))
    results = []

    def verify_late(checkout_response):
        try:
            results.append(verify(checkout_response).status)
        except PaidTooLate:
            results.append("too late")

    make_orders_due()
    errors = run_concurrently(
        [partial(verify_late, checkout_response) for checkout_response in late_responses] * 2 + [poll_orders] * 4
    )
    PaymentOrder.objects.update(next_check_at=timezone.now())
    run_due_tasks()

    assert errors == []
    assert Counter(results) == {"confirmed": 2, "too late": 6}
    assert Counter(Booking.objects.values_list("status", flat=True)) == {"confirmed": 1, "expired": 3}
    assert Counter(Payment.objects.values_list("disposition", "state")) == {
        ("confirms", "captured"): 1,
        ("refund_due", "refunded"): 3,
    }
    assert [refund.amount_minor for refund in Refund.objects.filter(state="processed")] == [50_000] * 3


def test_circuit_breaker_limits_calls_to_a_failing_gateway(sandbox, api, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr(breaker_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    body, key = booking_request(make_paid_service()), str(uuid4())
    sandbox.client.set(gateway_error_before=1)
    for _ in range(5):
        request_booking(api, body, key)
    calls = MagicMock(side_effect=deadline._call_with_timeout)
    monkeypatch.setattr(deadline, "_call_with_timeout", calls)

    early_response = request_booking(api, body, key)
    early_calls = calls.call_count
    clock[0] += 5.1
    attempts = [request_booking(api, body, key).status_code for _ in range(3)]
    calls_after_pause = calls.call_count
    sandbox.client.set(gateway_error_before=0)
    clock[0] += 5.1

    assert (early_response.status_code, early_response.headers["Retry-After"], early_calls) == (503, "5", 0)
    assert (attempts, calls_after_pause) == ([503] * 3, 1)
    assert request_booking(api, body, key).status_code == 201
