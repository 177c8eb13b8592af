"""A model of bookings and their money: what the contract says, in memory, for one resource and a clock of whole hours.

It shares no code with Daybook and is written to be read, not to be fast. Each method changes the model, or raises
Refused and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

PRICE = 50_000
BLOCKING = ("held", "pending", "confirmed")
STANDING = (*BLOCKING, "completed", "no_show")
PAYABLE = ("pending", "confirmed", "completed", "no_show")
CANCEL_CUTOFF = 24
RESCHEDULE_CUTOFF = 2
HOLD_HOURS = 1  # a hold lasts for minutes: it is overdue as soon as an hour has passed
RESPONSE_HOURS = 48
REFUND_STATES = ("requested", "pending", "processed", "failed")  # they only move forward


class Refused(Exception):
    """The contract refuses the change. ``str(error)`` is its problem code."""


@dataclass(frozen=True)
class Service:
    """``due_online`` is in minor units; 0 is paid at the desk."""

    name: str
    due_online: int = 0
    needs_staff: bool = False


@dataclass
class Refund:
    amount: int
    state: str = "requested"


@dataclass(frozen=True)
class Report:
    """What the gateway says about a payment: created, failed, authorized, captured, or returned without a capture.

    ``refunded`` is the amount that it has refunded since the capture, no matter who asked for it.
    """

    status: str
    refunded: int = 0


@dataclass
class Payment:
    """A payment: what the gateway has said about it (the last report is true now), what we know, and what we decided.

    ``purpose``: "", "confirms", "refund_due", "review" or "closed".
    """

    booking: Booking
    paid: int
    reports: list[Report]
    fee: int = 0  # the part of ``paid`` that the gateway charges the customer; reported with the capture
    known_amount: int | None = None
    known_fee: int = 0
    is_signed: bool = False
    is_captured: bool = False
    is_returned: bool = False  # the gateway reported that it went back
    purpose: str = ""
    is_reviewed: bool = False
    refunds: list[Refund] = field(default_factory=list)
    dispute: str = ""  # open, won or lost
    disputed: int = 0

    @property
    def fee_on_top(self) -> int:
        """The fee, if it is what was paid in addition to the order's amount."""
        return self.fee if self.paid - self.fee == self.booking.due_online else 0

    @property
    def amount(self) -> int:
        """What we believe was paid. A signature names no amount: until the gateway reports it, it is the order's."""
        return self.booking.due_online if self.known_amount is None else self.known_amount

    @property
    def credited(self) -> int:
        """What belongs to the business."""
        return self.amount - self.known_fee

    @property
    def is_wrong(self) -> bool:
        return self.credited != self.booking.due_online

    @property
    def refunded(self) -> int:
        return sum(refund.amount for refund in self.refunds if refund.state != "failed")

    @property
    def refundable(self) -> int:
        return self.credited - self.refunded - self.lost if self.is_captured else 0

    @property
    def lost(self) -> int:
        return self.disputed if self.dispute == "lost" else 0

    @property
    def under_review(self) -> int:
        """What staff decide about: nothing, if it went back without a capture."""
        if self.purpose != "review" or (self.is_returned and not self.is_captured):
            return 0
        return max(0, self.refundable if self.is_captured else self.credited)

    @property
    def now(self) -> Report:
        return self.reports[-1]

    def refund(self, amount: int) -> None:
        if amount > 0:
            self.refunds.append(Refund(amount))


@dataclass
class DeskPayment:
    amount: int
    kind: str = "taken"
    is_void: bool = False


@dataclass
class Booking:
    service: Service
    start: int
    status: str
    due_online: int = 0
    is_late: bool = False  # its customer was too late to cancel, and rescheduled
    chosen_by_staff: int | None = None  # when staff chose its current time
    is_cancelled_by_staff: bool = False
    was_held: bool = False  # it expired as a hold, so a late payment may bring it back
    hold_until: int | None = None
    respond_until: int | None = None
    payments: list[Payment] = field(default_factory=list)
    desk_payments: list[DeskPayment] = field(default_factory=list)

    def sum_desk_payments(self, kind: str) -> int:
        return sum(row.amount for row in self.desk_payments if row.kind == kind and not row.is_void)


class Model:
    """All bookings of one resource. Visits last an hour, and start within the hour that names them.

    ``today`` is a time within the current hour, and ``first_visit`` a start within the same hour. The model's clock
    moves on by moving everything else into the past.
    """

    def __init__(self, today: datetime, first_visit: datetime) -> None:
        self.today, self.first_visit = today, first_visit
        self.now = 0
        self.bookings: list[Booking] = []

    def payments(self) -> Iterator[Payment]:
        for booking in self.bookings:
            yield from booking.payments

    # Time

    def pass_hours(self, hours: int) -> None:
        self.now += hours

    def expire_due(self) -> None:
        for booking in self.bookings:
            if self._is_overdue(booking):
                self._expire(booking)

    # Bookings

    def book(self, service: Service, start: int, *, by_staff: bool) -> Booking:
        self._take_slot(start)
        status = "confirmed" if by_staff or not service.needs_staff else "pending"
        booking = Booking(service, start, "held" if service.due_online else status, service.due_online)
        if booking.status == "held":
            booking.hold_until = self.now + HOLD_HOURS
        self.bookings.append(booking)
        self._set_deadline(booking)
        return booking

    def confirm(self, booking: Booking) -> None:
        if booking.status == "confirmed":
            return
        self._require(booking, "pending")
        self._set(booking, "confirmed")

    def decline(self, booking: Booking) -> None:
        if booking.status == "declined":
            return
        self._require(booking, "pending")
        self._set(booking, "declined")
        self._end_payments(booking, is_refund_owed=not booking.is_late)

    def cancel(self, booking: Booking, *, by_staff: bool) -> None:
        if booking.status == "cancelled":
            return
        if not by_staff and self.is_late_to_cancel(booking):
            raise Refused("too_late_to_change")
        self._require(booking, *BLOCKING)
        self._set(booking, "cancelled")
        booking.is_cancelled_by_staff = by_staff
        self._end_payments(booking, is_refund_owed=not by_staff)

    def reschedule(self, booking: Booking, start: int, *, by_staff: bool) -> None:
        self._require(booking, "pending", "confirmed")
        if start == booking.start:
            return
        if not by_staff and self._is_past_cutoff(booking, RESCHEDULE_CUTOFF):
            raise Refused("too_late_to_change")
        self._take_slot(start, moving=booking)
        if by_staff:  # a new agreement
            booking.is_late, booking.chosen_by_staff = False, self.now
        else:
            booking.is_late, booking.chosen_by_staff = self.is_late_to_cancel(booking), None
            booking.status = "pending" if booking.service.needs_staff else booking.status
        booking.start = start
        self._set_deadline(booking)

    def complete(self, booking: Booking) -> None:
        if booking.status == "completed":
            return
        self._require(booking, "confirmed")
        if self.start_time(booking.start).date() > self.today.date():
            raise Refused("too_early")
        self._set(booking, "completed")

    def mark_no_show(self, booking: Booking) -> None:
        if booking.status == "no_show":
            return
        self._require(booking, "confirmed")
        if not self._has_started(booking):
            raise Refused("too_early")
        self._set(booking, "no_show")

    # Payments at the gateway

    def pay(self, booking: Booking, amount: int, status: str, fee: int = 0) -> Payment:
        payment = Payment(booking, amount + fee, [Report(status)], fee)
        booking.payments.append(payment)
        return payment

    def sign(self, payment: Payment) -> None:
        """Checkout hands the gateway's signature to the customer's browser: the payment was authorised."""
        payment.is_signed = True
        self._decide(payment, refunded=0)

    def report(self, payment: Payment, report: Report) -> None:
        """Record a report of the gateway: the latest one, or an older one that arrives late or again."""
        was_captured, was_wrong = payment.is_captured, payment.is_wrong
        payment.known_amount = payment.paid
        if report.status == "captured":
            payment.known_fee = payment.fee_on_top
        payment.is_captured |= report.status == "captured"
        payment.is_returned |= report.status == "returned"
        if payment.purpose == "refund_due" and payment.is_captured and not was_captured:
            self._refund_automatically(payment, payment.credited - report.refunded)
        elif payment.purpose == "review" and was_wrong and not payment.is_wrong:
            if not payment.is_reviewed and self._pay_for_booking(payment):  # the fee explains the amount
                payment.purpose = "confirms"
        else:
            self._decide(payment, report.refunded)

    def record_external_refund(self, payment: Payment, amount: int) -> Refund:
        """Record a refund that was made at the gateway without us."""
        payment.refunds.append(Refund(amount, "processed"))
        return payment.refunds[-1]

    def settle_refund(self, payment: Payment, refund: Refund, state: str) -> None:
        if REFUND_STATES.index(state) <= REFUND_STATES.index(refund.state):
            return
        was_processed = refund.state == "processed"
        refund.state = state
        is_still_due = payment.purpose == "refund_due" and payment.refundable > 0
        if state == "failed" and (was_processed or is_still_due):
            payment.purpose = "review"

    def record_dispute(self, payment: Payment, amount: int, state: str) -> None:
        payment.disputed, payment.dispute = amount, state

    # Staff and money

    def refund(self, payment: Payment, amount: int, *, cancels: bool) -> None:
        is_counted = payment in self._counting(payment.booking)
        left = min(payment.refundable, self.held(payment.booking)) if is_counted else payment.refundable
        if not 0 < amount <= left:
            raise Refused("refund_too_large")
        if payment.dispute == "open":
            raise Refused("payment_disputed")  # only a manager may refund it, with a reason
        booking = payment.booking
        if cancels and booking.status not in (*BLOCKING, "cancelled"):
            raise Refused("invalid_transition")
        payment.refund(amount)
        if cancels:
            self.cancel(booking, by_staff=True)
            if payment.purpose == "review":  # staff chose the amount when they cancelled
                payment.purpose = "closed"

    def decide_review(self, payment: Payment, decision: str) -> None:
        if payment.purpose != "review":
            raise Refused("review_not_possible")
        if decision == "close":
            payment.purpose = "closed"
        elif payment.refundable <= 0:
            raise Refused("review_not_possible")
        elif decision == "refund":
            payment.purpose = "refund_due"
            payment.refund(payment.refundable)
        else:
            if not self._pay_for_booking(payment):
                raise Refused("review_not_possible")
            payment.purpose = "confirms"
        payment.is_reviewed = True

    def take_desk_payment(self, booking: Booking, amount: int, *, kind: str, is_by_manager: bool) -> DeskPayment:
        if kind == "paid_out":
            if amount > self.held(booking):
                raise Refused("payout_too_large")
            if not is_by_manager and amount > self._granted(booking):
                raise Refused("manager_required")
        if kind == "written_off":
            if not is_by_manager:
                raise Refused("manager_required")
            if amount > self.due(booking):
                raise Refused("write_off_too_large")
        booking.desk_payments.append(DeskPayment(amount, kind))
        return booking.desk_payments[-1]

    def _granted(self, booking: Booking) -> int:
        """What the front desk may return without a manager: what was paid too much, or paid for no visit."""
        needs_manager = {
            "cancelled": booking.is_cancelled_by_staff,
            "declined": booking.is_late,
            "expired": booking.is_late,
        }
        return 0 if needs_manager.get(booking.status) else max(0, -self.due(booking))

    def void(self, booking: Booking, row: DeskPayment) -> None:
        if row.is_void:
            return
        if row.kind == "taken" and row.amount > self.held(booking):
            raise Refused("payout_too_large")
        row.is_void = True

    # The balance

    def received(self, booking: Booking) -> int:
        online = sum(payment.credited for payment in self._counting(booking))
        return online + booking.sum_desk_payments("taken")

    def returned(self, booking: Booking) -> int:
        refunded = sum(payment.refunded + payment.lost for payment in self._counting(booking))
        return refunded + booking.sum_desk_payments("paid_out")

    def held(self, booking: Booking) -> int:
        return self.received(booking) - self.returned(booking)

    def due(self, booking: Booking) -> int:
        """What is still to be paid; negative if too much was. Money returned beyond that was a reduction."""
        charge = max(0, PRICE - booking.sum_desk_payments("written_off")) if booking.status in STANDING else 0
        received, returned = self.received(booking), self.returned(booking)
        while returned and received > charge:
            received, returned = received - 1, returned - 1
        return charge - received

    def in_review(self, booking: Booking) -> int:
        return sum(payment.under_review for payment in booking.payments)

    # Rules

    def is_late_to_cancel(self, booking: Booking) -> bool:
        is_promised = booking.status in ("pending", "confirmed")
        return is_promised and (booking.is_late or self._is_past_cutoff(booking, CANCEL_CUTOFF))

    def start_time(self, hour: int) -> datetime:
        return self.first_visit + timedelta(hours=hour - self.now)

    def _decide(self, payment: Payment, refunded: int) -> None:
        """Decide what the money is for. Once decided, it stands, unless it went back or proves to be another amount."""
        never_captured = payment.is_returned and not payment.is_captured
        if payment.purpose == "confirms":
            if never_captured or (payment.is_wrong and not payment.is_reviewed):
                payment.purpose = "review"
        elif payment.purpose == "" and (payment.is_captured or (payment.is_signed and not payment.is_returned)):
            is_paid = bool(self._confirming(payment.booking))
            if payment.is_wrong:
                payment.purpose = "review"
            elif not is_paid and refunded < payment.credited and self._accept(payment.booking):
                payment.purpose = "confirms"
            elif payment.is_captured:
                self._refund_automatically(payment, payment.credited - refunded)

    def _refund_automatically(self, payment: Payment, amount: int) -> None:
        """Staff decide instead if it is disputed or paid out at the desk: its customer must not be paid twice."""
        payment.purpose = "refund_due"
        if amount > 0 and (payment.dispute == "open" or amount > self.held(payment.booking)):
            payment.purpose = "review"
        else:
            payment.refund(amount)

    def _pay_for_booking(self, payment: Payment) -> bool:
        """Return whether the booking stands without another payment, or can be had again."""
        booking = payment.booking
        return not self._confirming(booking) and (booking.status in PAYABLE or self._accept(booking))

    def _accept(self, booking: Booking) -> bool:
        """Give a paid booking its slot; return whether it could be had."""
        if booking.status == "held" and not self._is_over(booking):
            self._set(booking, "pending" if booking.service.needs_staff else "confirmed")
            return True
        if booking.status == "expired" and booking.was_held and not self._has_started(booking):
            try:
                self._take_slot(booking.start)
            except Refused:
                return False
            self._set(booking, "confirmed")
            return True
        return False

    def _take_slot(self, start: int, moving: Booking | None = None) -> None:
        occupying = [
            row for row in self.bookings if row.status in BLOCKING and row.start == start and row is not moving
        ]
        if any(not self._is_overdue(booking) for booking in occupying):
            raise Refused("slot_taken")
        for booking in occupying:
            self._expire(booking)

    def _expire(self, booking: Booking) -> None:
        was_held = booking.status == "held"
        self._set(booking, "expired")
        booking.was_held = was_held
        if not was_held:
            self._end_payments(booking, is_refund_owed=not booking.is_late)

    def _is_overdue(self, booking: Booking) -> bool:
        return any(until is not None and self.now >= until for until in (booking.hold_until, booking.respond_until))

    def _set(self, booking: Booking, status: str) -> None:
        booking.status, booking.hold_until = status, None
        self._set_deadline(booking)

    def _set_deadline(self, booking: Booking) -> None:
        """Staff have two days to respond, but only until the visit, or its end if it is under way."""
        start = booking.start + 1 if booking.start >= self.now else booking.start + 2
        booking.respond_until = min(self.now + RESPONSE_HOURS, start) if booking.status == "pending" else None

    def _is_past_cutoff(self, booking: Booking, cutoff: int) -> bool:
        """Staff who choose a time whose cutoff has passed let the customer change it until the start."""
        chosen = booking.chosen_by_staff
        if chosen is not None and booking.start - chosen < cutoff:
            return self._has_started(booking)
        return booking.start - self.now < cutoff

    def _end_payments(self, booking: Booking, *, is_refund_owed: bool) -> None:
        """Refund what a booking that ends was paid with, or let staff decide, unless nothing is left of it."""
        for payment in self._confirming(booking):
            is_spent = payment.is_captured and payment.refundable <= 0
            if is_refund_owed or is_spent:
                self._refund_automatically(payment, payment.refundable)  # or once the capture is reported
            else:
                payment.purpose = "review"

    def _confirming(self, booking: Booking) -> list[Payment]:
        return [payment for payment in booking.payments if payment.purpose == "confirms"]

    def _counting(self, booking: Booking) -> list[Payment]:
        """Payments whose money we have, or count on because the gateway has signed for it."""
        return [
            payment
            for payment in booking.payments
            if payment.purpose == "confirms" or (payment.purpose == "refund_due" and payment.is_captured)
        ]

    def _require(self, booking: Booking, *statuses: str) -> None:
        if booking.status not in statuses:
            raise Refused("invalid_transition")

    def _has_started(self, booking: Booking) -> bool:
        return booking.start < self.now  # visits start half past the hour

    def _is_over(self, booking: Booking) -> bool:
        return booking.start + 1 < self.now
