"""What a booking still owes, from all that was paid for it and all that went back."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, Sum

from bookings.models import Booking
from payments.models import DeskPayment, Payment, Refund


@dataclass(frozen=True)
class Balance:
    """Sums in minor units of the booking's currency. ``back_minor`` is what goes back of what was paid online.

    What goes back while the booking stands was agreed to be less: it is not owed again.
    """

    price_minor: int
    online_minor: int
    back_minor: int
    desk_minor: int
    currency: str

    @property
    def due_minor(self) -> int:
        """What is still to pay; below 0, more was paid than is owed."""
        return self.price_minor - self.online_minor - self.desk_minor


def balance_of(booking: Booking) -> Balance:
    """Add up what was paid for the booking, online and at the desk."""
    paying = Payment.objects.filter(booking=booking, disposition=Payment.Disposition.CONFIRMS)
    online = paying.aggregate(sum=Sum("amount_minor"))["sum"] or 0
    back = Refund.objects.filter(payment__in=paying).exclude(state=Refund.State.FAILED)
    back_minor = back.aggregate(sum=Sum("amount_minor"))["sum"] or 0
    slips = DeskPayment.objects.filter(booking=booking, voided_at=None).aggregate(
        taken=Sum("amount_minor", filter=Q(is_payout=False)), given=Sum("amount_minor", filter=Q(is_payout=True))
    )
    desk = (slips["taken"] or 0) - (slips["given"] or 0)
    return Balance(booking.price_minor, online, back_minor, desk, booking.currency)
