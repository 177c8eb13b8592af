"""What follows from what happened. The one file of notifications that listens; it only writes rows."""

from typing import Any

from django.dispatch import Signal, receiver

from bookings.events import (
    booking_cancelled,
    booking_completed,
    booking_confirmed,
    booking_declined,
    booking_missed,
    booking_requested,
    booking_rescheduled,
    booking_unanswered,
    customer_updated,
)
from bookings.models import Booking, BookingEvent, Customer
from notifications.messages.render import Money
from notifications.outbox import queue_messages, readdress_messages
from notifications.reminders import cancel_reminders, plan_reminders
from payments.events import payment_failed, refund_processed, refund_requested
from payments.models import Payment, Refund


def _tell(signal: Signal, kind: str) -> None:
    """Let the booking's customer be told of ``kind`` once for each event that ``signal`` announces."""

    @receiver(signal, weak=False, dispatch_uid=f"tell {kind}")
    def tell(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
        queue_messages(kind=kind, booking=booking, cause=str(event.pk))


# Nobody is told of a hold, nor that it has lapsed or was cancelled: whoever has not paid has seen it, and a number that
# nobody has verified shall not cost the business a message.
_tell(booking_requested, "booking_requested")
_tell(booking_confirmed, "booking_confirmed")
_tell(booking_declined, "booking_declined")
_tell(booking_unanswered, "booking_unanswered")
_tell(booking_rescheduled, "booking_rescheduled")
_tell(booking_completed, "booking_completed")
_tell(booking_missed, "booking_missed")


@receiver(booking_cancelled)
def tell_booking_cancelled(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    if event.from_status != Booking.Status.HELD:
        queue_messages(kind="booking_cancelled", booking=booking, cause=str(event.pk))


@receiver(booking_confirmed)
def plan_the_reminders(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    plan_reminders(booking, event)


@receiver(booking_rescheduled)
def move_the_reminders(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    cancel_reminders(booking)
    if booking.status == Booking.Status.CONFIRMED:
        plan_reminders(booking, event)


@receiver([booking_cancelled, booking_completed, booking_missed])
def drop_the_reminders(booking: Booking, **kwargs: Any) -> None:
    cancel_reminders(booking)


@receiver(customer_updated)
def readdress_what_waits(customer: Customer, **kwargs: Any) -> None:
    readdress_messages(customer)


@receiver(payment_failed)
def tell_payment_failed(payment: Payment, **kwargs: Any) -> None:
    # Once per booking, and only while it can still be paid: nobody wants to hear of each attempt.
    if payment.booking.status == Booking.Status.HELD:
        queue_messages(kind="payment_failed", booking=payment.booking, cause=f"{payment.booking_id} failed")


@receiver(refund_requested)
def tell_refund_requested(refund: Refund, **kwargs: Any) -> None:
    _tell_of_refund("refund_requested", refund)


@receiver(refund_processed)
def tell_refund_processed(refund: Refund, **kwargs: Any) -> None:
    _tell_of_refund("refund_processed", refund)


def _tell_of_refund(kind: str, refund: Refund) -> None:
    money = Money(refund.amount_minor, refund.currency)
    queue_messages(kind=kind, booking=refund.payment.booking, cause=f"{refund.pk} {kind}", money=money)
