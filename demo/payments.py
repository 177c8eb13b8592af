"""The demo's payments: a partial refund, and a payment for an expired hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID, uuid4

from django.utils import timezone

from bookings.models import Booking
from foundation.events import Actor, ActorKind
from foundation.money import format_money
from payments.models import Payment, PaymentOrder, Refund
from payments.operations import refund_payment
from sandbox.client import SandboxClient

MANAGER = Actor(ActorKind.STAFF, "manager")
MAX_WAIT_SECONDS = 20


def refund_part(booking_id: UUID) -> None:
    """Refund part of a payment, as a manager does on the payment's page. The booking stays confirmed."""
    payment = Payment.objects.get(booking_id=booking_id, disposition=Payment.Disposition.CONFIRMS)
    refund_payment(
        payment_id=payment.pk,
        amount_minor=payment.amount_minor // 4,
        key=uuid4(),
        actor=MANAGER,
        reason="A shorter session than planned",
    )


def expire_hold(booking_id: UUID) -> None:
    """Make a hold overdue; wait until Daybook has polled the gateway and expired the hold."""
    Booking.objects.filter(pk=booking_id).update(hold_expires_at=timezone.now())
    PaymentOrder.objects.filter(booking_id=booking_id).update(next_check_at=timezone.now())
    _wait_until(lambda: Booking.objects.filter(pk=booking_id, status=Booking.Status.EXPIRED).exists())


def pay_late(client: SandboxClient, order_id: str) -> None:
    """Pay for an expired hold and wait for the refund. Only the gateway's webhook notifies Daybook."""
    client.pay(order_id)
    _wait_until(lambda: Refund.objects.filter(payment__order__razorpay_order_id=order_id, state="processed").exists())


def payment_lines(booking_ids: list[str]) -> list[tuple[str, bool]]:
    """Return a line per payment and refund of these bookings, and whether it is complete."""
    refunds = Refund.objects.filter(payment__booking__in=booking_ids)
    _wait_until(lambda: not refunds.filter(state__in=Refund.UNSETTLED).exists())
    _wait_until(lambda: not Payment.objects.filter(booking__in=booking_ids, captured_at=None).exists())
    lines = []
    for payment in Payment.objects.filter(booking__in=booking_ids).select_related("booking").order_by("created_at"):
        lines.append((_line(payment.booking, "paid", payment, payment.get_disposition_display()), payment.is_captured))
        for refund in payment.refunds.order_by("created_at"):
            is_processed = refund.state == Refund.State.PROCESSED
            lines.append((_line(payment.booking, "refunded", refund, refund.get_source_display()), is_processed))
    return lines


def _line(booking: Booking, kind: str, row: Payment | Refund, reason: str) -> str:
    amount = format_money(row.amount_minor, row.currency)
    return f"  {booking.reference:<12}{booking.status:<11}{kind:<11}{amount:>13}  {row.state:<11}{reason}"


def _wait_until(is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < deadline and not is_done():
        time.sleep(0.1)
