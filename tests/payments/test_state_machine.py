"""Check the invariants of payments under any sequence of events.

Customers book, pay late, pay twice and fail to pay; the gateway responds, fails and reports in any order; holds expire,
staff refund, the worker polls. The invariants are checked after each step. At the end, our books are compared with the
gateway's.

``MACHINE_EXAMPLES=500 make test ARGS="-k machine"`` searches longer than CI does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from bookings import operations as booking_operations
from bookings.exceptions import InvalidTransition, SlotTaken
from bookings.models import Booking
from foundation.background_tasks import run_due_tasks
from notifications.models import Notification
from payments.exceptions import GatewayUnavailable, PaidTooLate, RefundTooLarge, SignatureInvalid
from payments.gateway import api as gateway
from payments.gateway.deadline import circuit_breaker
from payments.models import GatewayEvent, Payment, PaymentOrder, Refund
from payments.operations import checkout as checkout_module
from payments.operations import settle, start_checkout
from payments.operations.refund import refund_payment
from payments.operations.verify import verify_payment
from payments.polling.daily_reconciliation import reconcile
from sandbox.client import SandboxClient
from tests.builders.bookings import CUSTOMER, DESK, make_paid_service, slot

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "25"))
STEPS = 25
INDEX = st.integers(0, 99)
HOURS = st.integers(10, 11)
FAULTS = ("gateway_error_after", "gateway_reset_after", "gateway_error_before", "gateway_throttle")
URL = "/payments/razorpay/webhook"


class PaymentMachine(RuleBasedStateMachine):
    # Rules that have nothing to act on do nothing. With preconditions, the drawn values would depend on the gateway's
    # speed, and Hypothesis could not reproduce a failure.
    client: SandboxClient

    def __init__(self) -> None:
        super().__init__()
        self.client.reset_settings()
        circuit_breaker.record_success()
        self.client.set(webhook_held=1, gateway_seconds_min=0, gateway_seconds_max=0)
        self.service = make_paid_service(slug=f"machine-{uuid4().hex[:12]}")
        self.first_event = len(self.client.webhooks())
        self.order_ids: list[str] = []
        self.checkout_responses: list[dict[str, str]] = []
        self.failed_payment_ids: list[str] = []
        self.ranks: dict[str, int] = {}
        self.dashboard_refunds = 0

    @rule(hour=HOURS)
    def book(self, hour: int) -> None:
        with suppress(SlotTaken, GatewayUnavailable):
            new_checkout = start_checkout(
                service=self.service, starts_at=slot(hour=hour), customer=CUSTOMER, actor=DESK
            )
            self.order_ids.append(str(new_checkout.order.razorpay_order_id))

    @rule(index=INDEX, capture=st.booleans(), amount=st.sampled_from([50_000, 50_000, 50_000, 51_000]))
    def pay(self, index: int, capture: bool = True, amount: int = 50_000) -> None:
        if not self.order_ids:
            return
        if not self._is_paid(index):
            self.checkout_responses.append(
                self.client.pay(self._pick(self.order_ids, index), capture=capture, amount=amount)
            )

    @rule(index=INDEX)
    def fail(self, index: int) -> None:
        if not self.order_ids:
            return
        self.failed_payment_ids.append(self.client.fail(self._pick(self.order_ids, index))["id"])

    @rule(index=INDEX, capture=st.booleans())
    def approve_late(self, index: int, capture: bool = True) -> None:
        if not self.failed_payment_ids:
            return
        payment_id = self.failed_payment_ids.pop(index % len(self.failed_payment_ids))
        self.client.late_authorize(payment_id, capture=capture)

    @rule()
    def return_uncaptured_payment(self) -> None:
        for payment in self._list_gateway_payments():
            if payment["status"] == "authorized":
                self.client.auto_refund(payment["id"])
                return

    @rule(index=INDEX)
    def refund_in_the_dashboard(self, index: int) -> None:
        if not self.checkout_responses:
            return
        payment = self._fetch(f"/v1/payments/{self._pick(self.checkout_responses, index)['razorpay_payment_id']}")
        if payment["captured"] and payment["amount_refunded"] < payment["amount"]:
            self.client.dashboard_refund(payment["id"], 10_000 if payment["amount_refunded"] == 0 else None)
            self.dashboard_refunds += 1

    @rule(index=INDEX)
    def verify(self, index: int) -> None:
        if not self.checkout_responses:
            return
        checkout_response = self._pick(self.checkout_responses, index)
        with suppress(PaidTooLate):
            verify_payment(
                order_id=checkout_response["razorpay_order_id"],
                payment_id=checkout_response["razorpay_payment_id"],
                signature=checkout_response["razorpay_signature"],
            )

    @rule(index=INDEX)
    def verify_with_another_order(self, index: int) -> None:
        if len(self.checkout_responses) < 2:
            return
        checkout_response = self._pick(self.checkout_responses, index)
        other_response = self._pick(self.checkout_responses, index + 1)
        if checkout_response["razorpay_order_id"] == other_response["razorpay_order_id"]:
            return
        before = self._snapshot()
        with pytest.raises(SignatureInvalid):
            verify_payment(
                order_id=other_response["razorpay_order_id"],
                payment_id=checkout_response["razorpay_payment_id"],
                signature=checkout_response["razorpay_signature"],
            )
        assert self._snapshot() == before

    @rule(index=INDEX)
    def deliver_webhook(self, index: int) -> None:
        events = self.client.webhooks(after=self.first_event)
        if events:
            self._post(events[index % len(events)])

    @rule(index=INDEX)
    def tamper_with_webhook(self, index: int) -> None:
        events = self.client.webhooks(after=self.first_event)
        if events:
            event = events[index % len(events)]
            before = self._snapshot()
            assert self._post({**event, "body": event["body"].replace("50000", "50001") + " "}, expect=400) == 400
            assert self._snapshot() == before

    @rule(index=INDEX)
    def expire_hold(self, index: int) -> None:
        if not self.order_ids:
            return
        order = PaymentOrder.objects.get(razorpay_order_id=self._pick(self.order_ids, index))
        Booking.objects.filter(pk=order.booking_id, status="held").update(hold_expires_at=timezone.now())

    @rule()
    def run_due_work(self) -> None:
        past = timezone.now() - timedelta(seconds=1)
        PaymentOrder.objects.filter(booking__service=self.service, next_check_at__isnull=False).update(
            next_check_at=past
        )
        Refund.objects.filter(next_try_at__isnull=False).update(next_try_at=past)
        GatewayEvent.objects.filter(next_try_at__isnull=False).update(next_try_at=past)
        run_due_tasks()

    @rule(index=INDEX, amount=st.sampled_from([10_000, 50_000]), twice=st.booleans(), cancel=st.booleans())
    def refund(self, index: int, amount: int = 10_000, twice: bool = True, cancel: bool = False) -> None:
        if not self.checkout_responses:
            return
        payments = Payment.objects.filter(booking__service=self.service, captured_at__isnull=False).order_by("pk")
        if not payments:
            return
        key = uuid4()
        with suppress(RefundTooLarge, InvalidTransition):
            for _ in range(2 if twice else 1):
                refund_payment(
                    payment_id=payments[index % len(payments)].pk,
                    amount_minor=amount,
                    key=key,
                    actor=DESK,
                    cancels_booking=cancel,
                )

    @rule(fault=st.sampled_from(FAULTS), is_on=st.booleans())
    def set_fault(self, fault: str, is_on: bool) -> None:
        self.client.set(**{fault: 0.5 if is_on else 0})

    @invariant()
    def active_bookings_are_paid_or_in_review(self) -> None:
        for booking in Booking.objects.filter(service=self.service, status__in=("pending", "confirmed")):
            dispositions = list(Payment.objects.filter(booking=booking).values_list("disposition", flat=True))
            assert dispositions.count("confirms") == 1 or "review" in dispositions, dispositions

    @invariant()
    def confirming_payments_are_proven_and_have_the_order_amount(self) -> None:
        for payment in self._payments().filter(disposition="confirms"):
            assert payment.is_proven
            assert (payment.amount_minor, payment.currency) == (payment.order.amount_minor, payment.order.currency)

    @invariant()
    def no_slot_is_sold_twice(self) -> None:
        blocking_bookings = Booking.objects.filter(service=self.service, status__in=Booking.BLOCKING)
        times = list(blocking_bookings.values_list("resource", "starts_at"))
        assert len(times) == len(set(times)), times

    @invariant()
    def captured_payments_have_a_disposition(self) -> None:
        assert not self._payments().filter(captured_at__isnull=False, disposition="none").exists()

    @invariant()
    def refunds_never_exceed_payments(self) -> None:
        for payment in self._payments():
            refunds = payment.refunds.filter(state__in=("pending", "processed"))
            assert sum(refund.amount_minor for refund in refunds) <= payment.amount_minor

    @invariant()
    def payment_states_only_move_forward(self) -> None:
        for payment in self._payments():
            rank = Payment.RANK[Payment.State(payment.state)]
            assert rank >= self.ranks.get(str(payment), 0), f"{payment} went back to {payment.state}"
            self.ranks[str(payment)] = rank

    @invariant()
    def no_message_is_sent_twice(self) -> None:
        values = list(
            Notification.objects.filter(booking__service=self.service)
            .exclude(kind__startswith="refund_")
            .values_list("booking", "kind", "channel")
        )
        assert len(values) == len(set(values)), values

    @invariant()
    def each_refund_is_made_at_most_once_at_the_gateway(self) -> None:
        requested_count = (
            Refund.objects.filter(payment__booking__service=self.service).exclude(source="external").count()
        )
        refund_count = sum(
            len(self._fetch(f"/v1/payments/{payment['id']}/refunds?count=100")["items"])
            for payment in self._list_gateway_payments()
            if payment["captured"] and payment["amount_refunded"]
        )
        assert refund_count - self.dashboard_refunds <= requested_count

    def teardown(self) -> None:
        self.client.set(**dict.fromkeys(FAULTS, 0))
        for event in self.client.webhooks(after=self.first_event):
            self._post(event)
        for _ in range(4):
            self.run_due_work()
        reconcile()
        self.run_due_work()
        for event in self.client.webhooks(after=self.first_event):
            self._post(event)
        self.run_due_work()
        self._assert_books_match()

    def _assert_books_match(self) -> None:
        gateway_payments = {payment["id"]: payment for payment in self._list_gateway_payments()}
        for payment in self._payments():
            gateway_payment = gateway_payments[str(payment)]
            refunded_minor = sum(refund.amount_minor for refund in payment.refunds.filter(state="processed"))
            assert payment.is_captured == gateway_payment["captured"], (
                f"{payment}: {payment.state}, at the gateway {gateway_payment['status']}"
            )
            assert not payment.is_captured or (payment.amount_minor, refunded_minor) == (
                gateway_payment["amount"],
                gateway_payment["amount_refunded"],
            )
            if payment.disposition == "confirms":
                assert payment.is_captured
            if payment.disposition == "refund_due":
                assert refunded_minor == payment.amount_minor
        captured_ids = {key for key, gateway_payment in gateway_payments.items() if gateway_payment["captured"]}
        assert captured_ids <= {str(payment) for payment in self._payments()}
        rows = PaymentOrder.objects.filter(booking__service=self.service)
        assert not rows.filter(state="creating", booking__status="expired").exists()
        assert not Refund.objects.filter(payment__booking__service=self.service, state__in=Refund.UNSETTLED).exists()
        assert not GatewayEvent.objects.filter(state="received").exists()

    def _payments(self) -> Any:
        return Payment.objects.filter(booking__service=self.service).select_related("order")

    def _list_gateway_payments(self) -> list[dict[str, Any]]:
        orders = dict.fromkeys(self.order_ids)
        return [payment for key in orders for payment in self._fetch(f"/v1/orders/{key}/payments?count=100")["items"]]

    def _is_paid(self, index: int) -> bool:
        return bool(self._fetch(f"/v1/orders/{self._pick(self.order_ids, index)}")["status"] == "paid")

    def _fetch(self, path: str) -> dict[str, Any]:
        """Read from the gateway, without its faults."""
        faults = {name: chance for name, chance in self.client.settings().items() if name in FAULTS and chance}
        if faults:
            self.client.set(**dict.fromkeys(faults, 0))
        try:
            return self.client.gateway(path)
        finally:
            if faults:
                self.client.set(**faults)

    def _post(self, event: dict[str, Any], *, expect: int = 200) -> int:
        headers = {"X-Razorpay-Signature": event["signature"], "X-Razorpay-Event-Id": event["event_id"]}
        response = Client(headers=headers).post(URL, event["body"].encode(), content_type="application/json")
        assert response.status_code == expect
        return int(response.status_code)

    def _snapshot(self) -> tuple[Any, ...]:
        states = tuple(Payment.objects.order_by("pk").values_list("state", "disposition", "amount_minor"))
        return states, GatewayEvent.objects.count(), Refund.objects.count(), Booking.objects.count()

    @staticmethod
    def _pick(rows: list[Any], index: int) -> Any:
        return rows[index % len(rows)]


@pytest.fixture
def machine(sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[PaymentMachine]:
    settings.RAZORPAY_WEBHOOK_SECRETS = ["sandbox-webhook-secret"]
    monkeypatch.setattr(PaymentMachine, "client", sandbox.client, raising=False)
    return PaymentMachine


@pytest.mark.timeout(300)  # on a busy machine
def test_books_match_the_gateway_after_any_sequence_of_events(machine: type[PaymentMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


# Each mutant removes one guard. Its scenario passes with the guard and must violate an invariant without it.


def overwrite_state(patch: pytest.MonkeyPatch) -> None:
    def overwrite(payment: Payment, state: Payment.State, **fields: str) -> bool:
        Payment.objects.filter(pk=payment.pk).update(state=state)
        payment.state = state
        return True

    patch.setattr(settle, "advance_payment", overwrite)


def skip_amount_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "_amount_mismatch", lambda payment: "")


def reclaim_sold_slot(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("bookings.operations.transitions.reclaim_slot", lambda booking: True)


def decide_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "_decide", settle._assign)


def retry_with_a_new_key(patch: pytest.MonkeyPatch) -> None:
    create_refund = gateway.create_refund
    patch.setattr(
        gateway,
        "create_refund",
        lambda payment_id, **values: create_refund(payment_id, **values | {"key": str(uuid4())}),
    )


def call_inside_a_transaction(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checkout_module, "_create_at_gateway", transaction.atomic(checkout_module._create_at_gateway))


def capture_then_report_authorised(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(index=0)
    machine.verify(index=0)
    machine.run_due_work()
    machine.payment_states_only_move_forward()
    for index in range(3):
        machine.deliver_webhook(index=index)
        machine.run_due_work()
        machine.payment_states_only_move_forward()


def pay_another_amount(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(index=0, amount=51_000)
    machine.run_due_work()
    machine.confirming_payments_are_proven_and_have_the_order_amount()


def pay_for_sold_slot(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(index=0)
    order = PaymentOrder.objects.get(razorpay_order_id=machine.order_ids[0])
    booking_operations.release_hold(booking_id=order.booking_id, actor=DESK)
    machine.book(hour=10)
    machine.verify(index=0)
    machine.no_slot_is_sold_twice()


def report_payment_twice(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(index=0)
    machine.verify(index=0)
    machine.run_due_work()
    machine.deliver_webhook(index=1)
    machine.run_due_work()
    machine.active_bookings_are_paid_or_in_review()


def lose_refund_response(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(index=0)
    machine.verify(index=0)
    machine.run_due_work()
    machine.refund(index=0)
    machine.client.set(gateway_reset_after=1)
    machine.run_due_work()
    machine.client.set(gateway_reset_after=0)
    machine.run_due_work()
    machine.each_refund_is_made_at_most_once_at_the_gateway()


def book(machine: PaymentMachine) -> None:
    machine.book(hour=10)


SCENARIOS = [
    (overwrite_state, capture_then_report_authorised),
    (skip_amount_check, pay_another_amount),
    (reclaim_sold_slot, pay_for_sold_slot),
    (decide_again, report_payment_twice),
    (retry_with_a_new_key, lose_refund_response),
    (call_inside_a_transaction, book),
]


@pytest.mark.parametrize(("mutant", "scenario"), SCENARIOS)
def test_state_machine_detects_each_missing_guard(
    machine: type[PaymentMachine],
    monkeypatch: pytest.MonkeyPatch,
    mutant: Callable[[pytest.MonkeyPatch], None],
    scenario: Callable[[PaymentMachine], None],
) -> None:
    scenario(machine())
    mutant(monkeypatch)

    with pytest.raises((AssertionError, RuntimeError)):
        scenario(machine())
