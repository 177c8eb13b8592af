"""What becomes of the money when a booking ends before its visit. It only writes rows, with the change itself."""

from typing import Any

from django.dispatch import receiver

from bookings.events import booking_cancelled, booking_declined, booking_unanswered
from bookings.models import Booking, BookingEvent
from foundation.events import Actor, ActorKind
from payments.ledger import lock_payment, request_refund, set_disposition
from payments.models import Payment, Refund

Disposition = Payment.Disposition
DAYBOOK = Actor(ActorKind.SYSTEM)


@receiver([booking_declined, booking_unanswered])
def pay_back_what_was_refused(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    """The business took the money and not the booking: all of it goes back."""
    for payment in _what_it_stood_on(booking):
        _pay_back(payment, f"The booking was {event.kind}.")


@receiver(booking_cancelled)
def settle_what_was_cancelled(booking: Booking, event: BookingEvent, **kwargs: Any) -> None:
    """A customer who cancels in time gets all of it back; where staff cancel, a person decides."""
    for payment in _what_it_stood_on(booking):
        if event.actor_kind == ActorKind.CUSTOMER:
            _pay_back(payment, "Cancelled by the customer, in time.")
        else:
            set_disposition(
                payment, Disposition.REVIEW, source=event.actor, reason="Its booking was cancelled by staff."
            )


def _what_it_stood_on(booking: Booking) -> list[Payment]:
    keys = Payment.objects.filter(booking=booking, disposition=Disposition.CONFIRMS).values_list("pk", flat=True)
    return [payment for payment in map(lock_payment, keys) if payment.refundable_minor() > 0]


def _pay_back(payment: Payment, reason: str) -> None:
    set_disposition(payment, Disposition.REFUND_DUE, source=str(DAYBOOK), reason=reason)
    request_refund(
        payment, amount_minor=payment.refundable_minor(), cause=Refund.Source.CANCELLED, actor=DAYBOOK, reason=reason
    )
