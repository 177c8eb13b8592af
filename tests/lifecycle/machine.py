"""Compare Daybook with the model after each of many random steps.

Customers book, pay (late, twice, another amount), reschedule and cancel; staff confirm, decline, cancel, reschedule,
complete, refund, take and pay out money, and decide reviews; the gateway reports in any order and more than once; time
passes. A rule that has nothing to act on does nothing: with preconditions, Hypothesis could not reproduce a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, TypeVar, cast
from uuid import uuid4

from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bookings import operations
from bookings.models import Booking, Location, Resource, Service
from foundation.exceptions import RequestRefused
from foundation.invariants import find_violations, registered_invariants
from payments.balance import balance_of
from payments.exceptions import (
    ManagerRequired,
    PaymentDisputed,
    PayoutTooLarge,
    RefundTooLarge,
    ReviewNotPossible,
    WriteOffTooLarge,
)
from payments.gateway.entities import GatewayDispute, GatewayPayment, GatewayRefund
from payments.models import DeskPayment, Dispute, Payment, PaymentOrder, Refund
from payments.operations import decide_review, record_desk_payment, void_desk_payment
from payments.operations.disputes import record_dispute
from payments.operations.refund import refund_payment
from payments.operations.review import ReviewDecision
from payments.operations.settle import settle_payment, settle_refund
from tests.builders.bookings import CUSTOMER, CUSTOMER_ACTOR, DESK
from tests.builders.clock import let_time_pass
from tests.lifecycle import model
from tests.lifecycle.model import Model, Refused, Report

SERVICES = [
    model.Service("desk"),
    model.Service("request", needs_staff=True),
    model.Service("paid", due_online=model.PRICE),
    model.Service("deposit", due_online=20_000, needs_staff=True),
]
CODES = {
    ManagerRequired: "manager_required",
    PaymentDisputed: "payment_disputed",
    PayoutTooLarge: "payout_too_large",
    RefundTooLarge: "refund_too_large",
    ReviewNotPossible: "review_not_possible",
    WriteOffTooLarge: "write_off_too_large",
}
DECISIONS = {
    "refund": ReviewDecision.REFUND_ALL,
    "apply": ReviewDecision.APPLY_TO_BOOKING,
    "close": ReviewDecision.CLOSE,
}
INDEX = st.integers(0, 99)
STARTS = st.sampled_from([1, 12, 30, 60])  # hours from now
AMOUNTS = st.sampled_from([1_000, 20_000, model.PRICE])
MAX_BOOKINGS = 4  # more of them would meet less often
LONG_AGO = timedelta(days=1_000)  # longer than any distance between two bookings

Row = TypeVar("Row")


class LifecycleMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stack.enter_context(transaction.atomic())  # rolled back in teardown
        now = timezone.now()
        first_visit = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0) + timedelta(minutes=30)
        self.model = Model(now, first_visit)
        self.services = _create_services()
        self.rows: dict[int, Any] = {}  # the row of each object of the model, by id()
        self.touched: model.Booking | None = None  # by the latest step

    def teardown(self) -> None:
        try:
            self._check_everything()
        finally:
            transaction.set_rollback(True)
            self.stack.close()

    def _check_everything(self) -> None:
        for booking in self.model.bookings:
            self._compare_balance(booking)
        for sentence, query in _safety_invariants().items():
            assert not find_violations(query), sentence

    # Time

    @rule(hours=st.sampled_from([1, 5, 23, 47]))
    def pass_hours(self, hours: int) -> None:
        # Two moves, so that no row ever meets the old time of another one: the exclusion constraint checks each row.
        let_time_pass(LONG_AGO)
        let_time_pass(timedelta(hours=hours) - LONG_AGO)
        self.model.pass_hours(hours)

    @rule()
    def expire_due(self) -> None:
        for hold in Booking.objects.filter(status=Booking.Status.HELD):
            operations.expire_hold(booking_id=hold.pk, actor=DESK)
        operations.expire_unanswered_requests()
        self.model.expire_due()

    # Bookings

    @initialize(service=st.sampled_from(SERVICES), start=STARTS, is_paid=st.booleans(), is_captured=st.booleans())
    def book_first(self, service: model.Service, start: int, is_paid: bool, is_captured: bool) -> None:
        self.book(service, start)
        if is_paid:
            self.pay(index=0)
            self.verify(index=0)
        if is_captured:
            self.change_at_gateway(index=0, status="captured")
            self.report(index=0)

    @rule(service=st.sampled_from(SERVICES), start=STARTS, by_staff=st.booleans())
    def book(self, service: model.Service, start: int, by_staff: bool = False) -> None:
        if len(self.model.bookings) == MAX_BOOKINGS:
            return
        hour = self.model.now + start
        booking = self._both(
            lambda: self.model.book(service, hour, by_staff=by_staff), lambda: self._book(service, hour, by_staff)
        )
        if booking is None:
            return
        self.touched = booking
        if service.due_online:
            PaymentOrder.objects.create(
                booking=self.rows[id(booking)],
                key_id="rzp_test",
                amount_minor=service.due_online,
                currency="INR",
                razorpay_order_id=f"order_{uuid4().hex}",
                state=PaymentOrder.State.OPEN,
            )

    @rule(index=INDEX)
    def confirm(self, index: int) -> None:
        self._change(index, self.model.confirm, operations.confirm_booking, actor=DESK)

    @rule(index=INDEX)
    def decline(self, index: int) -> None:
        self._change(index, self.model.decline, operations.decline_booking, actor=DESK)

    @rule(index=INDEX)
    def complete(self, index: int) -> None:
        self._change(index, self.model.complete, operations.complete_booking, actor=DESK)

    @rule(index=INDEX)
    def mark_no_show(self, index: int) -> None:
        self._change(index, self.model.mark_no_show, operations.mark_no_show, actor=DESK)

    @rule(index=INDEX, by_staff=st.booleans())
    def cancel(self, index: int, by_staff: bool = False) -> None:
        actor = DESK if by_staff else CUSTOMER_ACTOR
        self._change(
            index, lambda booking: self.model.cancel(booking, by_staff=by_staff), operations.cancel_booking, actor=actor
        )

    @rule(index=INDEX, start=STARTS, by_staff=st.booleans())
    def reschedule(self, index: int, start: int, by_staff: bool = False) -> None:
        hour = self.model.now + start
        self._change(
            index,
            lambda booking: self.model.reschedule(booking, hour, by_staff=by_staff),
            operations.reschedule_booking,
            actor=DESK if by_staff else CUSTOMER_ACTOR,
            starts_at=self.model.start_time(hour),
        )

    # Payments at the gateway

    @rule(
        index=INDEX,
        excess=st.sampled_from([0, 0, 0, 1_000]),
        fee=st.sampled_from([0, 0, 1_180]),
        status=st.sampled_from(["failed", "authorized"]),
    )
    def pay(self, index: int, excess: int = 0, fee: int = 0, status: str = "authorized") -> None:
        """Pay the order of a booking, or too much, and the gateway's fee if the customer bears it."""
        booking = _pick([booking for booking in self.model.bookings if booking.due_online], index)
        if booking is not None:
            self.model.pay(booking, booking.due_online + excess, status, fee)

    @rule(index=INDEX, status=st.sampled_from(["authorized", "captured", "captured", "returned"]))
    def change_at_gateway(self, index: int, status: str) -> None:
        payment = self._pick_payment(self.model.payments(), index)
        predecessors = {"authorized": "failed", "captured": "authorized", "returned": "authorized"}
        if payment is not None and payment.now.status == predecessors[status]:
            payment.reports.append(Report(status))

    @rule(index=INDEX)
    def verify(self, index: int) -> None:
        signed = [row for row in self.model.payments() if any(report.status != "failed" for report in row.reports)]
        if (payment := self._pick_payment(signed, index)) is not None:
            self.model.sign(payment)
            self._settle(payment, Report("authorized"), amount=payment.booking.due_online, is_signed=True)

    @rule(index=INDEX, age=st.sampled_from([0, 0, 0, 1, 2]))
    def report(self, index: int, age: int = 0) -> None:
        """Receive the current state of a payment from the gateway, or one that it had ``age`` changes ago."""
        if (payment := self._pick_payment(self.model.payments(), index)) is not None:
            report = payment.reports[max(0, len(payment.reports) - 1 - age)]
            self.model.report(payment, report)
            self._settle(payment, report, amount=payment.paid)

    @rule(index=INDEX, amount=AMOUNTS)
    def refund_in_the_dashboard(self, index: int, amount: int) -> None:
        known = [payment for payment in self.model.payments() if payment.is_captured]
        payment = self._pick_payment(known, index)
        if payment is None or amount > _left_at_gateway(payment):
            return
        payment.reports.append(Report("captured", payment.now.refunded + amount))
        self._report_refund(payment, self.model.record_external_refund(payment, amount), "processed", requested=None)

    @rule(index=INDEX, state=st.sampled_from(["pending", "processed", "processed", "failed"]))
    def settle_refund(self, index: int, state: str = "processed") -> None:
        """The gateway reports a refund. It fails if more would be refunded than was paid."""
        refunds = [(payment, refund) for payment in self.model.payments() for refund in payment.refunds]
        if not refunds:
            return
        payment, refund = refunds[index % len(refunds)]
        self.touched = payment.booking
        is_new = refund.state == "requested"
        if is_new and state != "failed":
            if refund.amount > _left_at_gateway(payment):
                state = "failed"
            else:
                payment.reports.append(Report("captured", payment.now.refunded + refund.amount))
        elif state == "failed" and refund.state in ("pending", "processed"):
            payment.reports.append(Report("captured", payment.now.refunded - refund.amount))
        self.model.settle_refund(payment, refund, state)
        self._report_refund(payment, refund, state, requested=self._row_of_refund(payment, refund))

    @rule(index=INDEX, amount=AMOUNTS)
    def open_dispute(self, index: int, amount: int) -> None:
        undisputed = [payment for payment in self.model.payments() if payment.is_captured and not payment.dispute]
        payment = self._pick_payment(undisputed, index)
        if payment is not None and amount <= _left_at_gateway(payment):
            self.model.record_dispute(payment, amount, "open")
            self._report_dispute(payment)

    @rule(index=INDEX, state=st.sampled_from(["won", "lost"]))
    def decide_dispute(self, index: int, state: str) -> None:
        disputed = [payment for payment in self.model.payments() if payment.dispute == "open"]
        payment = self._pick_payment(disputed, index)
        if payment is not None and payment.disputed <= _left_at_gateway(payment):
            self.model.record_dispute(payment, payment.disputed, state)
            self._report_dispute(payment)

    # Staff and money

    @rule(index=INDEX, amount=AMOUNTS, cancels=st.booleans())
    def refund(self, index: int, amount: int, cancels: bool = False) -> None:
        known = [payment for payment in self.model.payments() if id(payment) in self.rows]
        payment = self._pick_payment(known, index)
        if payment is not None:
            key = uuid4()
            self._both(
                lambda: self.model.refund(payment, amount, cancels=cancels),
                lambda: refund_payment(
                    payment_id=self.rows[id(payment)].pk,
                    amount_minor=amount,
                    key=key,
                    actor=DESK,
                    cancels_booking=cancels,
                ),
            )

    @rule(index=INDEX, decision=st.sampled_from(sorted(DECISIONS)))
    def decide_review(self, index: int, decision: str) -> None:
        in_review = [payment for payment in self.model.payments() if payment.purpose == "review"]
        payment = self._pick_payment(in_review, index)
        if payment is not None:
            self._both(
                lambda: self.model.decide_review(payment, decision),
                lambda: decide_review(
                    payment_id=self.rows[id(payment)].pk, decision=DECISIONS[decision], note="Checked.", actor=DESK
                ),
            )

    @rule(index=INDEX, amount=AMOUNTS, kind=st.sampled_from(DeskPayment.Kind.values), is_by_manager=st.booleans())
    def take_desk_payment(self, index: int, amount: int, kind: str = "taken", is_by_manager: bool = True) -> None:
        booking = self._pick_booking(index)
        if booking is None:
            return
        self._both(
            lambda: self.model.take_desk_payment(booking, amount, kind=kind, is_by_manager=is_by_manager),
            lambda: record_desk_payment(
                booking_id=self.rows[id(booking)].pk,
                kind=DeskPayment.Kind(kind),
                method="" if kind == "written_off" else DeskPayment.Method.CASH,
                amount_minor=amount,
                key=uuid4(),
                actor=DESK,
                is_by_manager=is_by_manager,
            ),
        )

    @rule(index=INDEX)
    def void(self, index: int) -> None:
        payments = [(booking, row) for booking in self.model.bookings for row in booking.desk_payments]
        if payments:
            booking, desk_payment = payments[index % len(payments)]
            self.touched = booking
            self._both(
                lambda: self.model.void(booking, desk_payment),
                lambda: void_desk_payment(
                    desk_payment_id=self.rows[id(desk_payment)].pk, actor=DESK, is_by_manager=True
                ),
            )

    # What must be equal

    @invariant()
    def compare(self) -> None:
        self._compare_bookings()
        self._compare_payments()
        if self.touched is not None:
            self._compare_balance(self.touched)

    def _compare_bookings(self) -> None:
        rows = Booking.objects.in_bulk()
        for booking in self.model.bookings:
            row = rows[self.rows[id(booking)].pk]
            assert (row.status, row.starts_at) == (booking.status, self.model.start_time(booking.start))
            assert (row.answer_by is not None) == (booking.status == "pending")

    def _compare_payments(self) -> None:
        rows = Payment.objects.prefetch_related("refunds").in_bulk()
        for payment in self.model.payments():
            if id(payment) not in self.rows:
                continue  # no report of it has arrived yet
            row = rows[self.rows[id(payment)].pk]
            known = (row.disposition, row.amount_minor, row.is_captured)
            assert known == (payment.purpose or "none", payment.amount, payment.is_captured)
            refunds = sorted((refund.amount_minor, refund.state) for refund in row.refunds.all())
            assert refunds == sorted((refund.amount, refund.state) for refund in payment.refunds)
            assert payment.purpose or not payment.is_captured

    # Two sides of one step

    def _both(self, in_model: Callable[[], Row], in_daybook: Callable[[], Any]) -> Row | None:
        """Take the same step on both sides; return the model's result. Both must refuse it for the same reason."""
        expected = row = None
        refusal = actual_refusal = ""
        try:
            expected = in_model()
        except Refused as error:
            refusal = str(error)
        try:
            with transaction.atomic():
                row = in_daybook()
        except (RequestRefused, *CODES) as error:
            actual_refusal = error.code if isinstance(error, RequestRefused) else CODES[type(error)]
        assert actual_refusal == refusal
        if expected is not None:
            self.rows[id(expected)] = row
        return expected

    def _compare_balance(self, booking: model.Booking) -> None:
        row = self.rows[id(booking)]
        row.refresh_from_db(fields=["status"])
        balance = balance_of(row)
        assert (balance.received_minor, balance.returned_minor, balance.due_minor, balance.review_minor) == (
            self.model.received(booking),
            self.model.returned(booking),
            self.model.due(booking),
            self.model.in_review(booking),
        )

    def _pick_booking(self, index: int) -> model.Booking | None:
        self.touched = _pick(self.model.bookings, index)
        return self.touched

    def _pick_payment(self, payments: Iterable[model.Payment], index: int) -> model.Payment | None:
        payment = _pick(list(payments), index)
        if payment is not None:
            self.touched = payment.booking
        return payment

    def _change(
        self, index: int, in_model: Callable[[model.Booking], None], operation: Callable[..., Any], **arguments: Any
    ) -> None:
        booking = self._pick_booking(index)
        if booking is not None:
            booking_id = self.rows[id(booking)].pk
            self._both(lambda: in_model(booking), lambda: operation(booking_id=booking_id, **arguments))

    def _book(self, service: model.Service, hour: int, by_staff: bool) -> Booking:
        create = operations.hold_booking if service.due_online else operations.create_booking
        return create(
            service=self.services[service.name],
            starts_at=self.model.start_time(hour),
            customer=CUSTOMER,
            actor=DESK if by_staff else CUSTOMER_ACTOR,
        ).booking

    def _settle(self, payment: model.Payment, report: Report, *, amount: int, is_signed: bool = False) -> None:
        order = PaymentOrder.objects.get(booking=self.rows[id(payment.booking)])
        is_refunded = report.status == "captured" and report.refunded >= payment.paid - payment.fee_on_top
        state = "refunded" if report.status == "returned" or is_refunded else report.status
        self.rows[id(payment)] = settle_payment(
            order_id=order.pk,
            gateway_payment=GatewayPayment(
                payment_id=f"pay_{id(payment)}",
                order_id=str(order),
                amount_minor=amount,
                currency="INR",
                state=Payment.State(state),
                was_captured=report.status == "captured",
                refunded_minor=report.refunded,
                fee_minor=(payment.fee or 1_180) if report.status == "captured" else 0,  # often the business bears it
            ),
            source="poll",
            is_signed=is_signed,
        )

    def _report_refund(
        self, payment: model.Payment, refund: model.Refund, state: str, *, requested: Refund | None
    ) -> None:
        self.rows[id(refund)] = settle_refund(
            payment_pk=self.rows[id(payment)].pk,
            gateway_refund=GatewayRefund(
                refund_id=f"rfnd_{id(refund)}",
                payment_id=f"pay_{id(payment)}",
                amount_minor=refund.amount,
                currency="INR",
                state=Refund.State(state),
                receipt=str(requested.pk) if requested else "",
            ),
            source="poll",
        )

    def _report_dispute(self, payment: model.Payment) -> None:
        record_dispute(
            payment_pk=self.rows[id(payment)].pk,
            gateway_dispute=GatewayDispute(
                dispute_id=f"disp_{id(payment)}",
                payment_id=f"pay_{id(payment)}",
                amount_minor=payment.disputed,
                currency="INR",
                phase=Dispute.Phase.CHARGEBACK,
                state=Dispute.State(payment.dispute),
                deducted_minor=payment.lost,
            ),
            reported_at=timezone.now(),
            source="poll",
        )

    def _row_of_refund(self, payment: model.Payment, refund: model.Refund) -> Refund:
        """Return the row of a refund that we requested. Of equal ones, any will do: they are interchangeable."""
        if (row := self.rows.get(id(refund))) is not None:
            return cast(Refund, row)
        taken = [self.rows[id(other)].pk for other in payment.refunds if id(other) in self.rows]
        rows = Refund.objects.filter(payment=self.rows[id(payment)], amount_minor=refund.amount)
        return rows.exclude(pk__in=taken)[0]


def _safety_invariants() -> dict[str, str]:
    """Return the invariants of bookings and payments, without the deadlines: no worker runs here."""
    invariants = registered_invariants()
    both = {**invariants["Bookings"], **invariants["Payments"]}
    return {sentence: query for sentence, query in both.items() if " within " not in sentence}


def _create_services() -> dict[str, Service]:
    """Create the services, which share one room that is always open."""
    location = Location.objects.create(name="Model clinic", timezone="UTC")
    room = Resource.objects.create(name="Room", kind=Resource.Kind.ROOM)
    room.locations.add(location)
    services = {}
    for service in SERVICES:
        services[service.name] = Service.objects.create(
            location=location,
            name=service.name,
            slug=f"model-{service.name}",
            duration_minutes=60,
            slot_interval_minutes=5,
            price_minor=model.PRICE,
            deposit_minor=service.due_online if service.needs_staff else 0,
            payment_mode=_payment_mode(service),
            requires_confirmation=service.needs_staff,
            cancel_cutoff_minutes=model.CANCEL_CUTOFF * 60,
            reschedule_cutoff_minutes=model.RESCHEDULE_CUTOFF * 60,
            answer_minutes=model.RESPONSE_HOURS * 60,
            reminder_minutes=[],
        )
        room.services.add(services[service.name])
    return services


def _payment_mode(service: model.Service) -> Service.PaymentMode:
    if not service.due_online:
        return Service.PaymentMode.NONE
    return Service.PaymentMode.FULL if service.due_online == model.PRICE else Service.PaymentMode.DEPOSIT


def _left_at_gateway(payment: model.Payment) -> int:
    """Return what the gateway could still return to the customer."""
    return payment.paid - payment.fee_on_top - payment.now.refunded - payment.lost


def _pick(rows: list[Row], index: int) -> Row | None:
    return rows[index % len(rows)] if rows else None
