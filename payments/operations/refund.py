"""Request refunds."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from bookings.operations import cancel_booking
from foundation.events import Actor
from payments.exceptions import (
    RefundTooLarge,
)
from payments.ledger import lock_payment, request_refund, set_disposition
from payments.models import Payment, Refund


@transaction.atomic
def refund_payment(
    *, payment_id: int, amount_minor: int, key: UUID, actor: Actor, reason: str = "", cancels_booking: bool = False
) -> Refund:
    """Owe a payer money; the gateway is asked for it soon. The same ``key`` is the same refund: a double click is one.

    ``cancels_booking``: the booking is given up with it; otherwise it stands. Raises RefundTooLarge, or
    InvalidTransition for a booking that cannot be cancelled any more.
    """
    payment = lock_payment(payment_id)
    known = Refund.objects.filter(pk=key, payment=payment).first()
    if known is not None:
        return known
    if not 0 < amount_minor <= payment.refundable_minor():
        raise RefundTooLarge(payment)
    refund = request_refund(
        payment, amount_minor=amount_minor, cause=Refund.Source.STAFF, actor=actor, reason=reason, key=key
    )
    if cancels_booking:
        cancel_booking(booking_id=payment.booking_id, actor=actor)
        payment.refresh_from_db(fields=["disposition", "review_reason"])
        if (
            payment.disposition == Payment.Disposition.REVIEW
        ):  # the sum was chosen with the cancellation: no more to ask
            set_disposition(
                payment, Payment.Disposition.CLOSED, source=str(actor), reason="The rest was kept on purpose."
            )
    return refund
