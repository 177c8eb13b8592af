"""Queue messages when bookings and payments change. Receivers only write rows."""

from typing import Any

from django.dispatch import receiver

from bookings.events import (
    BOOKING_CHANGES,
    booking_confirmed,
    booking_rescheduled,
    customer_updated,
)
from bookings.models import Booking, BookingEvent, Customer
from notifications.messages.kinds import MessageKind, Topic, kinds_caused_by
from notifications.messages.render import Amount
from notifications.operations.opt_outs import restore_opt_outs
from notifications.outbox import Cause, queue_messages, readdress_messages, supersede_messages
from notifications.reminders import plan_reminders
from payments.events import payment_failed, refund_failed, refund_processed, refund_requested
from payments.models import Payment, Refund


@receiver(BOOKING_CHANGES)
def queue_booking_messages(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    if event.kind == BookingEvent.Kind.CREATED:
        restore_opt_outs(booking.customer)
    else:
        supersede_messages(booking=booking, topic=Topic.BOOKING)
    for kind in kinds_caused_by(event.kind, event.from_status, event.to_status):
        queue_messages(kind=kind, booking=booking, cause=Cause.from_event(event, kind))


@receiver([booking_confirmed, booking_rescheduled])
def plan_reminders_when_confirmed(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    if booking.status == Booking.Status.CONFIRMED:
        plan_reminders(booking, event)


@receiver(customer_updated)
def readdress_queued_messages(customer: Customer, **kwargs: Any) -> None:
    restore_opt_outs(customer)
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


@receiver(refund_failed)
def supersede_refund_messages(refund: Refund, **kwargs: Any) -> None:
    # Staff decide what happens next; a new refund has messages of its own.
    supersede_messages(booking=refund.payment.booking, topic=Topic.REFUND, key_prefix=f"{refund.pk} ")


def _queue_refund_message(kind: MessageKind, refund: Refund) -> None:
    supersede_refund_messages(refund)
    queue_messages(
        kind=kind,
        booking=refund.payment.booking,
        cause=Cause.from_refund(refund, kind),
        amount=Amount(refund.amount_minor, refund.currency),
    )
