"""Each written sequence passes, and fails once the rule that it needs is removed from the code.

A mutant replaces one piece of a function's source. A piece that is no longer there fails the test: move it along.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from bookings.models import Booking
from bookings.operations import reschedule, transitions
from bookings.scheduling import reservation
from payments import receivers
from payments.balance import Balance, balance_of, refundable_by_staff
from payments.ledger import flag_failed_refund, refund_automatically
from payments.models import Payment
from payments.operations import desk, settle
from payments.operations.refund import refund_payment
from payments.refund_policy import grants_full_refund, payout_by_policy
from tests.lifecycle.machine import SERVICES, LifecycleMachine
from tests.lifecycle.model import PRICE

pytestmark = pytest.mark.django_db

DESK, REQUEST, PAID, DEPOSIT = SERVICES

Sequence = Callable[[LifecycleMachine], None]


def buy(machine: LifecycleMachine) -> None:
    """Book, pay, verify, and receive the report of the capture."""
    machine.book_first(service=PAID, start=30, is_paid=True, is_captured=True)


def pay_too_much(machine: LifecycleMachine) -> None:
    machine.book(service=PAID, start=30)
    machine.pay(index=0, excess=1_000)
    machine.change_at_gateway(index=0, status="captured")
    machine.report(index=0)


def prove_wrong_after_confirming(machine: LifecycleMachine) -> None:
    machine.book(service=PAID, start=30)
    machine.pay(index=0, excess=1_000)
    machine.verify(index=0)
    machine.report(index=0)


def bear_the_fee(machine: LifecycleMachine) -> None:
    machine.book(service=PAID, start=30)
    machine.pay(index=0, fee=1_180)
    machine.verify(index=0)
    machine.report(index=0)  # authorised: the fee is not known yet
    machine.change_at_gateway(index=0, status="captured")
    machine.report(index=0)


def be_late_and_reschedule(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=12)
    machine.reschedule(index=0, start=60)
    machine.cancel(index=0)


def be_late_and_let_staff_reschedule(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=12)
    machine.reschedule(index=0, start=60, by_staff=True)
    machine.cancel(index=0)


def be_late_to_cancel(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=12)
    machine.cancel(index=0)


def be_late_to_reschedule(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=1)
    machine.reschedule(index=0, start=60)


def get_a_late_time_from_staff(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=60)
    machine.reschedule(index=0, start=12, by_staff=True)
    machine.cancel(index=0)


def reschedule_a_confirmed_request(machine: LifecycleMachine) -> None:
    machine.book(service=REQUEST, start=30)
    machine.confirm(index=0)
    machine.reschedule(index=0, start=60)


def decline_the_new_time_of_a_late_customer(machine: LifecycleMachine) -> None:
    machine.book_first(service=DEPOSIT, start=12, is_paid=True, is_captured=True)
    machine.reschedule(index=0, start=60)
    machine.decline(index=0)


def complete_before_the_day(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.complete(index=0)


def decline_a_late_customer_after_a_full_refund(machine: LifecycleMachine) -> None:
    machine.book_first(service=DEPOSIT, start=12, is_paid=True, is_captured=True)
    machine.reschedule(index=0, start=60)
    machine.refund(index=0, amount=20_000)
    machine.decline(index=0)


def lose_a_dispute(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.open_dispute(index=0, amount=20_000)
    machine.decide_dispute(index=0, state="lost")
    machine.refund(index=0, amount=PRICE)


def lose_a_dispute_under_review(machine: LifecycleMachine) -> None:
    pay_too_much(machine)
    machine.open_dispute(index=0, amount=20_000)
    machine.decide_dispute(index=0, state="lost")
    machine.decide_review(index=0, decision="refund")


def cancel_while_disputed(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.open_dispute(index=0, amount=20_000)
    machine.cancel(index=0)


def cancel_after_a_payout(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.take_desk_payment(index=0, amount=20_000, kind="paid_out")
    machine.cancel(index=0)


def refund_what_was_paid_out(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.take_desk_payment(index=0, amount=20_000, kind="paid_out")
    machine.refund(index=0, amount=PRICE)


def refund_while_disputed(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.open_dispute(index=0, amount=20_000)
    machine.refund(index=0, amount=PRICE)


def decide_once(machine: LifecycleMachine) -> None:
    pay_too_much(machine)
    machine.decide_review(index=0, decision="apply")
    machine.report(index=0)


def return_before_the_capture(machine: LifecycleMachine) -> None:
    machine.book_first(service=PAID, start=30, is_paid=True, is_captured=False)
    machine.change_at_gateway(index=0, status="returned")
    machine.report(index=0)


def pay_twice(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.pay(index=0)
    machine.change_at_gateway(index=1, status="captured")
    machine.report(index=1)


def cancel_before_the_capture(machine: LifecycleMachine) -> None:
    machine.book_first(service=PAID, start=30, is_paid=True, is_captured=False)
    machine.cancel(index=0)
    machine.change_at_gateway(index=0, status="captured")
    machine.report(index=0)


def pay_for_a_hold_that_expired(machine: LifecycleMachine) -> None:
    machine.book(service=PAID, start=30)
    machine.pay(index=0)
    machine.change_at_gateway(index=0, status="captured")
    machine.pass_hours(hours=1)
    machine.expire_due()
    machine.report(index=0)


def pay_for_a_slot_that_was_sold(machine: LifecycleMachine) -> None:
    machine.book(service=PAID, start=30)
    machine.pay(index=0)
    machine.change_at_gateway(index=0, status="captured")
    machine.pass_hours(hours=18)
    machine.book(service=DESK, start=12)
    machine.report(index=0)


def cancel_by_staff(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.cancel(index=0, by_staff=True)


def cancel_by_staff_after_a_full_refund(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.refund(index=0, amount=PRICE)
    machine.cancel(index=0, by_staff=True)


def decline_a_paid_request(machine: LifecycleMachine) -> None:
    machine.book_first(service=DEPOSIT, start=60, is_paid=True, is_captured=True)
    machine.decline(index=0)


def leave_a_paid_request_unanswered(machine: LifecycleMachine) -> None:
    machine.book_first(service=DEPOSIT, start=60, is_paid=True, is_captured=True)
    machine.pass_hours(hours=47)
    machine.pass_hours(hours=1)
    machine.expire_due()


def fail_a_refund_that_is_due(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.cancel(index=0)
    machine.settle_refund(index=0, state="failed")


def refund_a_part(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.refund(index=0, amount=20_000)


def fail_a_partial_refund(machine: LifecycleMachine) -> None:
    refund_a_part(machine)
    machine.settle_refund(index=0, state="failed")


def cancel_after_paying_at_the_desk(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=PRICE)
    machine.cancel(index=0)
    machine.take_desk_payment(index=0, amount=20_000, kind="paid_out")


def pay_at_the_desk_too(machine: LifecycleMachine) -> None:
    buy(machine)
    machine.take_desk_payment(index=0, amount=20_000)


def void_a_desk_payment(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=20_000)
    machine.void(index=0)


def void_what_was_paid_out(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=20_000)
    machine.take_desk_payment(index=0, amount=20_000, kind="paid_out")
    machine.void(index=0)


def pay_out_of_nothing(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=1_000, kind="paid_out")


def pay_out_without_a_manager(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=20_000)
    machine.take_desk_payment(index=0, amount=20_000, kind="paid_out", is_by_manager=False)


def pay_out_after_staff_cancelled(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=20_000)
    machine.cancel(index=0, by_staff=True)
    machine.take_desk_payment(index=0, amount=20_000, kind="paid_out", is_by_manager=False)


def write_off_the_rest(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=20_000)
    machine.take_desk_payment(index=0, amount=20_000, kind="written_off")


def write_off_what_was_paid(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=PRICE)
    machine.take_desk_payment(index=0, amount=1_000, kind="written_off")


def write_off_without_a_manager(machine: LifecycleMachine) -> None:
    machine.book(service=DESK, start=30)
    machine.take_desk_payment(index=0, amount=1_000, kind="written_off", is_by_manager=False)


# Function, a piece of its source, its replacement, and a sequence that needs the piece.
MUTANTS: list[tuple[Callable[..., Any] | property, str, str, Sequence]] = [
    # settle
    (
        settle._amount_mismatch,
        "(order.amount_minor, order.currency)",
        "(payment.credited_minor, order.currency)",
        pay_too_much,
    ),
    (settle._decide, "if mismatch := _amount_mismatch(payment)", "if mismatch := ''", prove_wrong_after_confirming),
    (settle._decide, "and payment.reviewed_at is None", "", decide_once),
    (settle._decide, "CONFIRMS and is_returned_uncaptured", "CONFIRMS and False", return_before_the_capture),
    (settle._assign, "elif payment.is_captured", "elif False", pay_twice),
    (refund_automatically, "if amount_minor <= 0", "if True", pay_twice),
    (settle.settle_payment, "payment.is_captured and not was_captured and", "False and", cancel_before_the_capture),
    (settle.settle_payment, "elif payment.disposition == Disposition.REVIEW", "elif False", bear_the_fee),
    (
        settle._assign,
        "accept_payment(booking_id=account.booking.pk, actor=GATEWAY_ACTOR)",
        "False",
        pay_for_a_hold_that_expired,
    ),
    (
        reservation.reclaim_slot,
        "if any(find_busy_resources",
        "if False and any(find_busy_resources",
        pay_for_a_slot_that_was_sold,
    ),
    (grants_full_refund, "ending.actor_kind in CUSTOMER_KINDS", "True", cancel_by_staff),
    (
        receivers.refund_or_review_cancelled_booking,
        "elif _is_fully_refunded(payment)",
        "elif False",
        cancel_by_staff_after_a_full_refund,
    ),
    (receivers.refund_refused_booking, "_lock_confirming_payments(booking)", "()", decline_a_paid_request),
    (receivers.refund_refused_booking, "_lock_confirming_payments(booking)", "()", leave_a_paid_request_unanswered),
    (grants_full_refund, "booking.late_since is None", "True", decline_the_new_time_of_a_late_customer),
    (payout_by_policy, "return 0", "pass", pay_out_after_staff_cancelled),
    (
        receivers.refund_refused_booking,
        " and not _is_fully_refunded(payment)",
        "",
        decline_a_late_customer_after_a_full_refund,
    ),
    (refund_automatically, "if payment.has_open_dispute()", "if False", cancel_while_disputed),
    (refund_automatically, "elif amount_minor > held_minor", "elif False", cancel_after_a_payout),
    (refundable_by_staff, ".filter(pk=payment.pk)", ".none()", refund_what_was_paid_out),
    (refund_payment, "if payment.has_open_dispute() and", "if False and", refund_while_disputed),
    (flag_failed_refund, "is_due or was_processed", "was_processed", fail_a_refund_that_is_due),
    # The balance
    (Balance.due_minor, "min(self.returned_minor, overpaid)", "self.returned_minor", refund_a_part),
    (Balance.due_minor, "min(self.returned_minor, overpaid)", "0", cancel_after_paying_at_the_desk),
    (
        balance_of,
        "if booking.status in (Booking.Status.HELD, *Booking.PAYABLE) else 0",
        "",
        cancel_after_paying_at_the_desk,
    ),
    (balance_of, "sum(payment.lost_minor() for payment in counted)", "0", lose_a_dispute),
    (Payment.refundable_minor, " - self.lost_minor()", "", lose_a_dispute_under_review),
    (balance_of, ".exclude(state=Refund.State.FAILED)", "", fail_a_partial_refund),
    (balance_of, "sum(row.amount_minor for row in in_review)", "0", pay_too_much),
    (balance_of, ' - F("customer_fee_minor")', "", bear_the_fee),
    (balance_of, "desk_payments.filter(kind=DeskPayment.Kind.TAKEN)", "desk_payments.none()", pay_at_the_desk_too),
    (balance_of, ", voided_at=None", "", void_a_desk_payment),
    (balance_of, "desk_payments.filter(kind=DeskPayment.Kind.WRITTEN_OFF)", "desk_payments.none()", write_off_the_rest),
    (desk._check_payout, "amount_minor > balance.held_minor", "False", pay_out_of_nothing),
    (desk._check_payout, "if not is_by_manager and", "if False and", pay_out_without_a_manager),
    (desk._check_write_off, "if not is_by_manager", "if False", write_off_without_a_manager),
    (desk._check_write_off, "amount_minor > (due_minor", "0 > (due_minor", write_off_what_was_paid),
    (desk.void_desk_payment, "desk_payment.kind == Kind.TAKEN and", "False and", void_what_was_paid_out),
    # Cutoffs and confirmation
    (transitions.cancel_booking, "if is_late and", "if False and", be_late_to_cancel),
    (reschedule.reschedule_booking, "database_now() > booking.reschedule_until", "False", be_late_to_reschedule),
    (reschedule._changes, "booking.cancel_until if booking.is_late else None", "None", be_late_and_reschedule),
    (
        reschedule._changes,
        '"late_since": None',
        '"late_since": booking.late_since or database_now()',
        be_late_and_let_staff_reschedule,
    ),
    (
        Booking._cutoff,
        "self.starts_at if chosen_at is not None and chosen_at > cutoff else cutoff",
        "cutoff",
        get_a_late_time_from_staff,
    ),
    (reschedule._changes, "status = Booking.Status.PENDING", "pass", reschedule_a_confirmed_request),
    (transitions._check_not_too_early, ".date() < day", ".date() < day and False", complete_before_the_day),
]


@pytest.mark.parametrize(("function", "old", "new", "sequence"), MUTANTS)
def test_written_sequence_detects_the_missing_rule(
    monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any] | property, old: str, new: str, sequence: Sequence
) -> None:
    run(sequence)
    mutate(monkeypatch, function, old, new)

    with pytest.raises(AssertionError):
        run(sequence)


def run(sequence: Sequence) -> None:
    machine = LifecycleMachine()
    try:
        sequence(machine)
        machine.compare()
    finally:
        machine.teardown()


def mutate(patch: pytest.MonkeyPatch, function: Callable[..., Any] | property, old: str, new: str) -> None:
    """Replace the code of a function or property, for all its importers."""
    original: Any = inspect.unwrap(function.fget if isinstance(function, property) else function)
    source = textwrap.dedent(inspect.getsource(original))
    assert old in source, f"{original.__qualname__} has no {old!r}"
    lines = source.replace(old, new).splitlines(keepends=True)
    while not lines[0].startswith("def "):
        del lines[0]  # decorators
    namespace: dict[str, Any] = {}
    exec("from __future__ import annotations\n" + "".join(lines), original.__globals__, namespace)  # noqa: S102
    patch.setattr(original, "__code__", namespace[original.__name__].__code__)
