"""The balance of a booking: what was paid, what was refunded and what is still due."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, Sum

from bookings.models import Booking
from payments.models import DeskPayment, Payment, Refund


@dataclass(frozen=True)
class Balance:
    """Amounts in minor units of the booking's currency.

    ``refunded_minor`` is the part of ``online_minor`` that has been or will be refunded. A refund while the booking is
    active is an agreed price reduction: the amount does not become due again.
    """

    price_minor: int
    online_minor: int
    refunded_minor: int
    desk_minor: int
    currency: str

    @property
    def due_minor(self) -> int:
        """The amount still due; negative if overpaid."""
        return self.price_minor - self.online_minor - self.desk_minor


def balance_of(booking: Booking) -> Balance:
    """Add up what was paid for the booking, online and at the desk."""
    confirming_payments = Payment.objects.filter(booking=booking, disposition=Payment.Disposition.CONFIRMS)
    online = confirming_payments.aggregate(sum=Sum("amount_minor"))["sum"] or 0
    refunds = Refund.objects.filter(payment__in=confirming_payments).exclude(state=Refund.State.FAILED)
    refunded = refunds.aggregate(sum=Sum("amount_minor"))["sum"] or 0
    at_desk = DeskPayment.objects.filter(booking=booking, voided_at=None).aggregate(
        taken=Sum("amount_minor", filter=Q(is_payout=False)), paid_out=Sum("amount_minor", filter=Q(is_payout=True))
    )
    desk = (at_desk["taken"] or 0) - (at_desk["paid_out"] or 0)
    return Balance(booking.price_minor, online, refunded, desk, booking.currency)
