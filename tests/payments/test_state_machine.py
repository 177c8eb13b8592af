"""Check the invariants of payments under any sequence of events.

Customers book, pay, fail, pay late and twice; banks and the gateway respond, hang and report in any order; holds
expire, staff refund, the worker polls. The invariants are checked after each step, and in the end our books are
compared with the gateway's.

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
WHICH = st.integers(0, 99)
HOURS = st.integers(10, 11)
FAULTS = ("gateway_error_after", "gateway_reset_after", "gateway_error_before", "gateway_throttle")
URL = "/payments/razorpay/webhook"


class PaymentMachine(RuleBasedStateMachine):
    # Rules without anything to work on do nothing. Preconditions would let what is drawn depend on how fast the
    # gateway was, and Hypothesis could not repeat it.
    client: SandboxClient

    def __init__(self) -> None:
        super().__init__()
        self.client.reset_settings()
        circuit_breaker.record_success()
        self.client.set(webhook_held=1, gateway_seconds_min=0, gateway_seconds_max=0)
        self.service = make_paid_service(slug=f"machine-{uuid4().hex[:12]}")
        self.first_event = len(self.client.webhooks())
        self.orders: list[str] = []
        self.paid: list[dict[str, str]] = []
        self.failed: list[str] = []
        self.ranks: dict[str, int] = {}
        self.dashboard_refunds = 0

    @rule(hour=HOURS)
    def book(self, hour: int) -> None:
        with suppress(SlotTaken, GatewayUnavailable):
            started = start_checkout(service=self.service, starts_at=slot(hour=hour), customer=CUSTOMER, actor=DESK)
            self.orders.append(str(started.order.razorpay_order_id))

    @rule(which=WHICH, capture=st.booleans(), amount=st.sampled_from([50_000, 50_000, 50_000, 51_000]))
    def pay(self, which: int, capture: bool = True, amount: int = 50_000) -> None:
        if not self.orders:
            return
        if not self._is_paid(which):
            self.paid.append(self.client.pay(self._pick(self.orders, which), capture=capture, amount=amount))

    @rule(which=WHICH)
    def fail(self, which: int) -> None:
        if not self.orders:
            return
        self.failed.append(self.client.fail(self._pick(self.orders, which))["id"])

    @rule(which=WHICH, capture=st.booleans())
    def approve_late(self, which: int, capture: bool = True) -> None:
        if not self.failed:
            return
        failed = self.failed.pop(which % len(self.failed))
        self.client.late_authorize(failed, capture=capture)

    @rule()
    def return_uncaptured_payment(self) -> None:
        for payment in self._list_gateway_payments():
            if payment["status"] == "authorized":
                self.client.auto_refund(payment["id"])
                return

    @rule(which=WHICH)
    def refund_in_the_dashboard(self, which: int) -> None:
        if not self.paid:
            return
        payment = self._fetch(f"/v1/payments/{self._pick(self.paid, which)['razorpay_payment_id']}")
        if payment["captured"] and payment["amount_refunded"] < payment["amount"]:
            self.client.dashboard_refund(payment["id"], 10_000 if payment["amount_refunded"] == 0 else None)
            self.dashboard_refunds += 1

    @rule(which=WHICH)
    def verify(self, which: int) -> None:
        if not self.paid:
            return
        paid = self._pick(self.paid, which)
        with suppress(PaidTooLate):
            verify_payment(
                order_id=paid["razorpay_order_id"],
                payment_id=paid["razorpay_payment_id"],
                signature=paid["razorpay_signature"],
            )

    @rule(which=WHICH)
    def forge(self, which: int) -> None:
        if len(self.paid) < 2:
            return
        paid, other = self._pick(self.paid, which), self._pick(self.paid, which + 1)
        if paid["razorpay_order_id"] == other["razorpay_order_id"]:
            return
        before = self._rows()
        with pytest.raises(SignatureInvalid):
            verify_payment(
                order_id=other["razorpay_order_id"],
                payment_id=paid["razorpay_payment_id"],
                signature=paid["razorpay_signature"],
            )
        assert self._rows() == before

    @rule(which=WHICH)
    def deliver(self, which: int) -> None:
        events = self.client.webhooks(after=self.first_event)
        if events:
            self._post(events[which % len(events)])

    @rule(which=WHICH)
    def tamper(self, which: int) -> None:
        events = self.client.webhooks(after=self.first_event)
        if events:
            event = events[which % len(events)]
            before = self._rows()
            assert self._post({**event, "body": event["body"].replace("50000", "50001") + " "}, expect=400) == 400
            assert self._rows() == before

    @rule(which=WHICH)
    def expire_hold(self, which: int) -> None:
        if not self.orders:
            return
        order = PaymentOrder.objects.get(razorpay_order_id=self._pick(self.orders, which))
        Booking.objects.filter(pk=order.booking_id, status="held").update(hold_expires_at=timezone.now())

    @rule()
    def work(self) -> None:
        past = timezone.now() - timedelta(seconds=1)
        PaymentOrder.objects.filter(booking__service=self.service, next_check_at__isnull=False).update(
            next_check_at=past
        )
        Refund.objects.filter(next_try_at__isnull=False).update(next_try_at=past)
        GatewayEvent.objects.filter(next_try_at__isnull=False).update(next_try_at=past)
        run_due_tasks()

    @rule(which=WHICH, amount=st.sampled_from([10_000, 50_000]), twice=st.booleans(), cancel=st.booleans())
    def refund(self, which: int, amount: int = 10_000, twice: bool = True, cancel: bool = False) -> None:
        if not self.paid:
            return
        payments = Payment.objects.filter(booking__service=self.service, captured_at__isnull=False).order_by("pk")
        if not payments:
            return
        key = uuid4()
        with suppress(RefundTooLarge, InvalidTransition):
            for _ in range(2 if twice else 1):
                refund_payment(
                    payment_id=payments[which % len(payments)].pk,
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
        blocking = Booking.objects.filter(service=self.service, status__in=Booking.BLOCKING)
        times = list(blocking.values_list("resource", "starts_at"))
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
            assert rank >= self.ranks.get(str(payment), 0), f"{payment} fell to {payment.state}"
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
        requested = Refund.objects.filter(payment__booking__service=self.service).exclude(source="external").count()
        made = sum(
            len(self._fetch(f"/v1/payments/{payment['id']}/refunds?count=100")["items"])
            for payment in self._list_gateway_payments()
            if payment["captured"] and payment["amount_refunded"]
        )
        assert made - self.dashboard_refunds <= requested

    def teardown(self) -> None:
        self.client.set(**dict.fromkeys(FAULTS, 0))
        for event in self.client.webhooks(after=self.first_event):
            self._post(event)
        for _ in range(4):
            self.work()
        reconcile()
        self.work()
        for event in self.client.webhooks(after=self.first_event):
            self._post(event)
        self.work()
        self._assert_books_match()

    def _assert_books_match(self) -> None:
        at_gateway = {payment["id"]: payment for payment in self._list_gateway_payments()}
        for payment in self._payments():
            reported = at_gateway[str(payment)]
            refunded = sum(refund.amount_minor for refund in payment.refunds.filter(state="processed"))
            assert payment.is_captured == reported["captured"], (
                f"{payment}: {payment.state}, there {reported['status']}"
            )
            assert not payment.is_captured or (payment.amount_minor, refunded) == (
                reported["amount"],
                reported["amount_refunded"],
            )
            if payment.disposition == "confirms":
                assert payment.is_captured
            if payment.disposition == "refund_due":
                assert refunded == payment.amount_minor
        captured = {key for key, reported in at_gateway.items() if reported["captured"]}
        assert captured <= {str(payment) for payment in self._payments()}
        rows = PaymentOrder.objects.filter(booking__service=self.service)
        assert not rows.filter(state="creating", booking__status="expired").exists()
        assert not Refund.objects.filter(payment__booking__service=self.service, state__in=Refund.UNSETTLED).exists()
        assert not GatewayEvent.objects.filter(state="received").exists()

    def _payments(self) -> Any:
        return Payment.objects.filter(booking__service=self.service).select_related("order")

    def _list_gateway_payments(self) -> list[dict[str, Any]]:
        orders = dict.fromkeys(self.orders)
        return [payment for key in orders for payment in self._fetch(f"/v1/orders/{key}/payments?count=100")["items"]]

    def _is_paid(self, which: int) -> bool:
        return bool(self._fetch(f"/v1/orders/{self._pick(self.orders, which)}")["status"] == "paid")

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

    def _rows(self) -> tuple[Any, ...]:
        states = tuple(Payment.objects.order_by("pk").values_list("state", "disposition", "amount_minor"))
        return states, GatewayEvent.objects.count(), Refund.objects.count(), Booking.objects.count()

    @staticmethod
    def _pick(rows: list[Any], which: int) -> Any:
        return rows[which % len(rows)]


@pytest.fixture
def machine(sandbox: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[PaymentMachine]:
    settings.RAZORPAY_WEBHOOK_SECRETS = ["sandbox-webhook-secret"]
    monkeypatch.setattr(PaymentMachine, "client", sandbox.client, raising=False)
    return PaymentMachine


def test_books_match_the_gateway_after_any_sequence_of_events(machine: type[PaymentMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


# Each mutant removes one guard. Its scenario passes with the guard and must violate an invariant without it.


def last_write_wins(patch: pytest.MonkeyPatch) -> None:
    def overwrite(payment: Payment, state: Payment.State, **fields: str) -> bool:
        Payment.objects.filter(pk=payment.pk).update(state=state)
        payment.state = state
        return True

    patch.setattr(settle, "advance_payment", overwrite)


def no_amount_check(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settle, "_amount_mismatch", lambda order, payment: "")


def steal_the_slot(patch: pytest.MonkeyPatch) -> None:
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


def is_captured_then_reported_as_authorised(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(which=0)
    machine.verify(which=0)
    machine.work()
    machine.payment_states_only_move_forward()
    for which in range(3):
        machine.deliver(which=which)
        machine.work()
        machine.payment_states_only_move_forward()


def pays_another_amount(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(which=0, amount=51_000)
    machine.work()
    machine.confirming_payments_are_proven_and_have_the_order_amount()


def pays_for_a_sold_slot(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(which=0)
    order = PaymentOrder.objects.get(razorpay_order_id=machine.orders[0])
    booking_operations.release_hold(booking_id=order.booking_id, actor=DESK)
    machine.book(hour=10)
    machine.verify(which=0)
    machine.no_slot_is_sold_twice()


def receives_a_payment_twice(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(which=0)
    machine.verify(which=0)
    machine.work()
    machine.deliver(which=1)
    machine.work()
    machine.active_bookings_are_paid_or_in_review()


def loses_the_response_to_a_refund(machine: PaymentMachine) -> None:
    machine.book(hour=10)
    machine.pay(which=0)
    machine.verify(which=0)
    machine.work()
    machine.refund(which=0)
    machine.client.set(gateway_reset_after=1)
    machine.work()
    machine.client.set(gateway_reset_after=0)
    machine.work()
    machine.each_refund_is_made_at_most_once_at_the_gateway()


def books(machine: PaymentMachine) -> None:
    machine.book(hour=10)


SCENARIOS = [
    (last_write_wins, is_captured_then_reported_as_authorised),
    (no_amount_check, pays_another_amount),
    (steal_the_slot, pays_for_a_sold_slot),
    (decide_again, receives_a_payment_twice),
    (retry_with_a_new_key, loses_the_response_to_a_refund),
    (call_inside_a_transaction, books),
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
