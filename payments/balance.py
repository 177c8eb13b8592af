"""The balance of a booking: what it costs, what was received and returned, and what is still due."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import F, Q, QuerySet, Sum

from bookings.models import Booking
from payments.models import DeskPayment, Payment, Refund

Disposition = Payment.Disposition


@dataclass(frozen=True)
class Balance:
    """Amounts in minor units of the booking's currency.

    ``charge_minor`` is the price of a booking that stands, and 0 for others. ``online_minor`` and ``desk_minor`` were
    received, without fees that the customer bears. ``refunded_minor`` (or will be), ``paid_out_minor`` and
    ``lost_minor`` (deducted for lost disputes) were returned. Money under review counts as neither: it is
    ``review_minor``. A payment that staff have closed is settled, and not part of the balance; neither is one in
    another currency. ``written_off_minor`` of the charge need not be paid.
    """

    charge_minor: int
    online_minor: int
    refunded_minor: int
    desk_minor: int
    paid_out_minor: int
    review_minor: int
    currency: str
    lost_minor: int = 0
    written_off_minor: int = 0

    @property
    def received_minor(self) -> int:
        return self.online_minor + self.desk_minor

    @property
    def returned_minor(self) -> int:
        return self.refunded_minor + self.paid_out_minor + self.lost_minor

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
        payable = max(0, self.charge_minor - self.written_off_minor)
        overpaid = max(0, self.received_minor - payable)
        return payable - self.received_minor + min(self.returned_minor, overpaid)


@dataclass(frozen=True)
class PaymentUnderReview:
    """A payment that staff must decide about, and how much of its money the business holds, in its own currency."""

    payment: Payment
    amount_minor: int


def balance_of(booking: Booking) -> Balance:
    """Add up what was received for the booking and returned, online and at the desk."""
    counted = _counted_payments(booking)
    in_review = (row for row in payments_under_review(booking) if row.payment.currency == booking.currency)
    desk_payments = DeskPayment.objects.filter(booking=booking, voided_at=None)
    return Balance(
        charge_minor=booking.price_minor if booking.status in (Booking.Status.HELD, *Booking.PAYABLE) else 0,
        online_minor=int(counted.aggregate(sum=Sum(F("amount_minor") - F("customer_fee_minor")))["sum"] or 0),
        refunded_minor=_sum(Refund.objects.filter(payment__in=counted).exclude(state=Refund.State.FAILED)),
        desk_minor=_sum(desk_payments.filter(kind=DeskPayment.Kind.TAKEN)),
        paid_out_minor=_sum(desk_payments.filter(kind=DeskPayment.Kind.PAID_OUT)),
        review_minor=sum(row.amount_minor for row in in_review),
        currency=booking.currency,
        lost_minor=sum(payment.lost_minor() for payment in counted),
        written_off_minor=_sum(desk_payments.filter(kind=DeskPayment.Kind.WRITTEN_OFF)),
    )


def refundable_by_staff(payment: Payment) -> int:
    """Return how much of the payment staff can still refund: not what the desk has already paid out. 0 or more."""
    refundable_minor = payment.refundable_minor()
    if _counted_payments(payment.booking).filter(pk=payment.pk).exists():
        refundable_minor = min(refundable_minor, balance_of(payment.booking).held_minor)
    return max(refundable_minor, 0)


def payments_under_review(booking: Booking) -> list[PaymentUnderReview]:
    """Return the payments of the booking that need review, in any currency, unless all their money was returned."""
    payments = Payment.objects.filter(booking=booking, disposition=Disposition.REVIEW).order_by("created_at")
    rows = [PaymentUnderReview(payment, _amount_under_review(payment)) for payment in payments]
    return [row for row in rows if row.amount_minor > 0]


def _counted_payments(booking: Booking) -> QuerySet[Payment]:
    return Payment.objects.filter(
        Q(disposition=Disposition.CONFIRMS) | Q(disposition=Disposition.REFUND_DUE, captured_at__isnull=False),
        booking=booking,
        currency=booking.currency,
    )


def _amount_under_review(payment: Payment) -> int:
    is_authorized = payment.state == Payment.State.AUTHORIZED  # not captured yet, but the customer has paid
    return payment.credited_minor if is_authorized else payment.refundable_minor()


def _sum(rows: QuerySet[Refund] | QuerySet[DeskPayment]) -> int:
    return int(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0)
