"""Why payments says no. Each message tells the caller what to do next."""

from bookings.models import Booking
from foundation.money import format_money
from payments.models import Payment


class SignatureInvalid(Exception):
    """The gateway did not sign this payment of this order: send the three values exactly as Checkout gave them."""


class UnknownOrder(Exception):
    """No order of ours has this id."""


class PaymentMismatch(Exception):
    """The payment belongs to another order: it cannot pay for this one."""


class GatewayUnavailable(Exception):
    """The gateway is away. The slot stays held until ``booking.hold_expires_at``: try again soon."""

    def __init__(self, booking: Booking) -> None:
        super().__init__(
            "The payment gateway does not answer right now. Your slot is kept for a few minutes: try again."
        )
        self.booking = booking


class OrderRejected(Exception):
    """The gateway refused our order: the slot is free again. Somebody has to look at the settings."""


class RefundTooLarge(Exception):
    """More than what is left of the payment: refund at most ``payment.outstanding_minor()``."""

    def __init__(self, payment: Payment) -> None:
        left = format_money(max(payment.refundable_minor(), 0), payment.currency)
        super().__init__(f"At most {left} of this payment can be paid back.")
        self.payment = payment


class ReviewNotPossible(Exception):
    """The decision cannot be carried out any more: look at the payment again."""


class PaidTooLate(Exception):
    """The money came after the hold had lapsed and the slot was sold: it will be paid back."""
