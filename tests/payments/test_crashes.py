"""Kill real processes with ``kill -9`` during a checkout or a refund.

The test locks the rows that the next step writes, so the process waits at that step until it is killed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from bookings.models import Booking, IdempotencyKey, Resource
from foundation.background_tasks import run_due_tasks
from payments.models import Payment, PaymentLog, PaymentOrder, Refund
from payments.operations.refund import refund_payment
from tests.builders.bookings import DESK, booking_request, make_paid_service
from tests.builders.payments import checkout, gateway_refund_amounts, make_refunds_due, verify
from tests.processes import RunningWeb, kill_worker
from tests.threads import is_waiting_for_lock, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@contextmanager
def lock_rows(model: type[Model]) -> Iterator[None]:
    """Lock every row of ``model``, so that writers wait."""
    with transaction.atomic():
        assert list(model._default_manager.select_for_update())
        yield


class Customer:
    """A customer whose checkout may get no response."""

    def __init__(self, web: RunningWeb) -> None:
        self.url = f"{web.address}/bookings/razorpay-booking"
        self.body, self.headers = booking_request(make_paid_service()), {"Idempotency-Key": str(uuid4())}
        self.response: requests.Response | None = None
        self._thread = threading.Thread(target=self._book)

    def begin(self) -> None:
        self._thread.start()

    def has_no_response(self) -> bool:
        self._thread.join()
        return self.response is None

    def book(self) -> requests.Response:
        return requests.post(self.url, json=self.body, headers=self.headers, timeout=10)

    def _book(self) -> None:
        try:
            self.response = self.book()
        except requests.ConnectionError:
            return  # the web process was killed


def kill_before_hold(web: RunningWeb, customer: Customer, sandbox: Any) -> None:
    with lock_rows(Resource):
        customer.begin()
        wait_until(is_waiting_for_lock)
        web.kill_workers()
        assert customer.has_no_response()


def kill_during_gateway_call(web: RunningWeb, customer: Customer, sandbox: Any) -> None:
    customer.begin()
    wait_until(PaymentOrder.objects.exists)
    web.kill_workers()
    assert customer.has_no_response()


def kill_after_gateway_response(web: RunningWeb, customer: Customer, sandbox: Any) -> None:
    customer.begin()
    wait_until(PaymentOrder.objects.exists)
    with lock_rows(PaymentOrder):
        wait_until(is_waiting_for_lock)
        assert count_orders_at_gateway(sandbox) == 1
        web.kill_workers()
        assert customer.has_no_response()


def kill_after_order_is_open(web: RunningWeb, customer: Customer, sandbox: Any) -> None:
    customer.begin()
    wait_until(IdempotencyKey.objects.exists)
    with lock_rows(IdempotencyKey):
        wait_until(is_waiting_for_lock)
        assert PaymentOrder.objects.get().state == "open"
        web.kill_workers()
        assert customer.has_no_response()


def count_orders_at_gateway(sandbox: Any) -> int:
    receipts = set(PaymentOrder.objects.values_list("receipt", flat=True))
    return sum(entry["receipt"] in receipts for entry in sandbox.client.log(kind="order.created"))


@pytest.mark.parametrize(
    ("kill", "bookings_left"),
    [
        (kill_before_hold, 0),
        (kill_during_gateway_call, 1),
        (kill_after_gateway_response, 1),
        (kill_after_order_is_open, 1),
    ],
)
def test_checkout_resumes_after_a_web_process_dies(
    running_web: RunningWeb, sandbox: Any, kill: Callable[..., None], bookings_left: int
) -> None:
    customer = Customer(running_web)
    sandbox.client.set(gateway_seconds_min=0.25, gateway_seconds_max=0.25)

    kill(running_web, customer, sandbox)

    sandbox.client.set(gateway_seconds_min=0, gateway_seconds_max=0)
    wait_until(lambda: not is_waiting_for_lock())
    assert Booking.objects.count() == bookings_left
    IdempotencyKey.objects.update(locked_until=timezone.now())
    response = customer.book()
    order = PaymentOrder.objects.get()
    assert (response.status_code, response.json()["checkout"]["order_id"]) == (201, order.razorpay_order_id), (
        response.text
    )
    assert (Booking.objects.count(), count_orders_at_gateway(sandbox)) == (1, 1)
    assert verify(sandbox.client.pay(order.razorpay_order_id)).status == "confirmed"


def test_refund_is_made_once_if_the_worker_dies_before_recording_the_outcome(
    sandbox: Any, start_worker: Callable[[str], Any]
) -> None:
    verify(sandbox.client.pay(checkout().order.razorpay_order_id))
    run_due_tasks()
    payment = Payment.objects.get()
    sandbox.client.set(gateway_seconds_min=1, gateway_seconds_max=1)
    worker = start_worker("http://127.0.0.1:1")
    refund_payment(payment_id=payment.pk, amount_minor=10_000, key=uuid4(), actor=DESK)
    wait_until(lambda: Refund.objects.get().state == "sent", seconds=40)
    with lock_rows(Payment):
        wait_until(is_waiting_for_lock)
        kill_worker(worker)
    assert gateway_refund_amounts(sandbox, payment) == [10_000]
    assert Refund.objects.get().state == "sent"

    sandbox.client.set(gateway_seconds_min=0, gateway_seconds_max=0)
    make_refunds_due()
    start_worker("http://127.0.0.1:1")

    wait_until(lambda: Refund.objects.get().state == "processed", seconds=40)
    assert gateway_refund_amounts(sandbox, payment) == [10_000]
    assert PaymentLog.objects.filter(refund=Refund.objects.get(), moved_to="processed").count() == 1
