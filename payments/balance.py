"""The balance of a booking: what it costs, what was received and returned, and what is still due."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet, Sum

from bookings.models import Booking
from payments.models import DeskPayment, Payment, Refund

Disposition = Payment.Disposition


@dataclass(frozen=True)
class Balance:
    """Amounts in minor units of the booking's currency.

    ``charge_minor`` is the price of a booking that stands, and 0 for others. ``online_minor`` and ``desk_minor`` were
    received; ``refunded_minor`` (or will be) and ``paid_out_minor`` were returned. Money under review counts as
    neither: it is ``review_minor``. A payment that staff have closed is settled, and not part of the balance.
    """

    charge_minor: int
    online_minor: int
    refunded_minor: int
    desk_minor: int
    paid_out_minor: int
    review_minor: int
    currency: str

    @property
    def received_minor(self) -> int:
        return self.online_minor + self.desk_minor

    @property
    def returned_minor(self) -> int:
        return self.refunded_minor + self.paid_out_minor

    @property
    def held_minor(self) -> int:
        """The amount received that has not been returned."""
        return self.received_minor - self.returned_minor

    @property
    def due_minor(self) -> int:
        """The amount still due; negative if overpaid.

        Returned money first settles what was overpaid. The rest is an agreed reduction of the price: it does not become
        due again.
        """
        overpaid = max(0, self.received_minor - self.charge_minor)
        return self.charge_minor - self.received_minor + min(self.returned_minor, overpaid)


def balance_of(booking: Booking) -> Balance:
    """Add up what was received for the booking and returned, online and at the desk."""
    payments = Payment.objects.filter(booking=booking)
    counted = payments.filter(
        Q(disposition=Disposition.CONFIRMS) | Q(disposition=Disposition.REFUND_DUE, captured_at__isnull=False)
    )
    in_review = payments.filter(disposition=Disposition.REVIEW)
    desk_payments = DeskPayment.objects.filter(booking=booking, voided_at=None)
    return Balance(
        charge_minor=booking.price_minor if booking.status in (Booking.Status.HELD, *Booking.PAYABLE) else 0,
        online_minor=_sum(counted),
        refunded_minor=_sum(Refund.objects.filter(payment__in=counted).exclude(state=Refund.State.FAILED)),
        desk_minor=_sum(desk_payments.filter(is_payout=False)),
        paid_out_minor=_sum(desk_payments.filter(is_payout=True)),
        review_minor=_sum(in_review.filter(captured_at__isnull=False)),
        currency=booking.currency,
    )


def _sum(rows: QuerySet[Payment] | QuerySet[Refund] | QuerySet[DeskPayment]) -> int:
    return int(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0)
