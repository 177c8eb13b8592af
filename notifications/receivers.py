"""Queue messages when bookings and payments change. Receivers only write rows."""

from typing import Any

from django.dispatch import receiver

from bookings.events import (
    BOOKING_CHANGES,
    booking_cancelled,
    booking_completed,
    booking_confirmed,
    booking_missed,
    booking_rescheduled,
    customer_updated,
)
from bookings.models import Booking, BookingEvent, Customer
from notifications.messages.kinds import MessageKind, kinds_caused_by
from notifications.messages.render import Amount
from notifications.outbox import Cause, queue_messages, readdress_messages
from notifications.reminders import cancel_reminders, plan_reminders
from payments.events import payment_failed, refund_processed, refund_requested
from payments.models import Payment, Refund


@receiver(BOOKING_CHANGES)
def queue_booking_messages(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    for kind in kinds_caused_by(event.kind, event.from_status, event.to_status):
        queue_messages(kind=kind, booking=booking, cause=Cause.from_event(event, kind))


@receiver(booking_confirmed)
def plan_reminders_when_confirmed(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    plan_reminders(booking, event)


@receiver(booking_rescheduled)
def plan_reminders_again_when_rescheduled(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    cancel_reminders(booking)
    if booking.status == Booking.Status.CONFIRMED:
        plan_reminders(booking, event)


@receiver([booking_cancelled, booking_completed, booking_missed])
def cancel_reminders_when_ended(booking: Booking, **kwargs: Any) -> None:
    cancel_reminders(booking)


@receiver(customer_updated)
def readdress_queued_messages(customer: Customer, **kwargs: Any) -> None:
    readdress_messages(customer)


@receiver(payment_failed)
def queue_payment_failed(payment: Payment, **kwargs: Any) -> None:
    # Once per booking, and only while it can still be paid: customers may retry several times.
    if payment.booking.status == Booking.Status.HELD:
        cause = Cause(f"{payment.booking_id} failed")
        queue_messages(kind=MessageKind.PAYMENT_FAILED, booking=payment.booking, cause=cause)


@receiver(refund_requested)
def queue_refund_requested(refund: Refund, **kwargs: Any) -> None:
    _queue_refund_message(MessageKind.REFUND_REQUESTED, refund)


@receiver(refund_processed)
def queue_refund_processed(refund: Refund, **kwargs: Any) -> None:
    _queue_refund_message(MessageKind.REFUND_PROCESSED, refund)


def _queue_refund_message(kind: MessageKind, refund: Refund) -> None:
    queue_messages(
        kind=kind,
        booking=refund.payment.booking,
        cause=Cause(f"{refund.pk} {kind.value}"),
        amount=Amount(refund.amount_minor, refund.currency),
    )
