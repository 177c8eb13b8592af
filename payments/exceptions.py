"""Refusals of payment requests. Each message tells the caller what to do next."""

from math import ceil
from typing import Any, ClassVar

from bookings.models import Booking
from foundation.exceptions import RequestRefused
from foundation.money import format_money


class SignatureInvalid(RequestRefused):
    """Razorpay did not sign this payment for this order."""

    status, code = 400, "signature_invalid"
    explanation = "The signature does not match, so nothing was changed."
    advice = "Send the three values exactly as Checkout returned them."


class UnknownOrder(RequestRefused):
    """There is no order with this id."""

    status, code = 404, "not_found"


class PaymentMismatch(RequestRefused):
    """The payment belongs to another order, so it cannot pay for this one."""

    status, code = 409, "payment_mismatch"
    explanation = "The payment belongs to another order."
    advice = "Send the three values exactly as Checkout returned them for this order."


class GatewayUnavailable(RequestRefused):
    """The gateway is not responding. The slot stays held until ``booking.hold_expires_at``."""

    status, code = 503, "gateway_unavailable"
    retry_after = 5
    explanation = "The payment gateway is not responding. The slot stays held until hold_expires_at."
    advice = "Send the same request again, with or without an Idempotency-Key. It resumes where it stopped."

    extra_schemas: ClassVar = {
        "booking": {
            "type": "object",
            "description": "With `gateway_unavailable`: the booking that holds the slot.",
            "properties": {
                "id": {"type": "string", "format": "uuid"},
                "status": {"type": "string"},
                "hold_expires_at": {"type": ["string", "null"], "format": "date-time"},
            },
            "required": ["id", "status", "hold_expires_at"],
        }
    }

    def __init__(self, booking: Booking, *, gateway_retry_after: float | None = None) -> None:
        super().__init__(
            "The payment gateway is not responding right now. Your slot is held for a few minutes. Please try again."
        )
        self.booking = booking
        if gateway_retry_after:
            self.retry_after = ceil(gateway_retry_after)

    def extra_members(self) -> dict[str, Any]:
        booking = self.booking
        expires_at = booking.hold_expires_at and booking.hold_expires_at.astimezone(booking.zone)
        return {"booking": {"id": booking.pk, "status": booking.status, "hold_expires_at": expires_at}}


class OrderRejected(RequestRefused):
    """The gateway refused our order, and the slot is free again. The settings need attention."""

    status, code = 502, "gateway_rejected"
    explanation = "The payment gateway refused the order. The slot is free again."
    advice = "Contact the business: the same request would be refused again."


class PaidTooLate(RequestRefused):
    """The booking was no longer active when the payment arrived. The payment will be refunded."""

    status, code = 409, "paid_too_late"
    explanation = "The booking was no longer active when the payment arrived."
    advice = "The payment is refunded automatically. Choose a different time and book again."


class NotPaidOnline(RequestRefused):
    """The booking has no checkout: it is not paid online."""

    status, code = 409, "not_paid_online"
    explanation = "This booking is not paid online, so it has no checkout."
    advice = "Pay at the desk. Services whose payment_mode is full or deposit are booked with a checkout."

    def __init__(self) -> None:
        super().__init__("This booking is not paid online. Pay at the desk.")


class AlreadyPaid(RequestRefused):
    """The checkout is over: the booking is paid."""

    status, code = 409, "already_paid"
    explanation = "The booking is already paid, so its checkout is over."
    advice = "Get the booking to see its status. There is nothing left to pay online."

    def __init__(self) -> None:
        super().__init__("This booking is already paid. There is nothing left to pay online.")


class HoldOver(RequestRefused):
    """The checkout is over: the hold has expired or was cancelled."""

    status, code = 409, "hold_over"
    explanation = "The hold has expired or was cancelled, so its checkout is over."
    advice = "Book again. A payment that arrives late is refunded, unless the slot is still free."

    def __init__(self) -> None:
        super().__init__("Your hold is over. Please book again.")


class RefundTooLarge(Exception):
    """The amount is not positive, or exceeds what is left of the payment."""

    def __init__(self, refundable_minor: int, currency: str) -> None:
        super().__init__(f"At most {format_money(refundable_minor, currency)} of this payment can be refunded.")


class PaymentDisputed(Exception):
    """The payment has an open dispute, so only a manager can refund it, and must give a reason."""

    def __init__(self) -> None:
        super().__init__(
            "This payment is disputed, so the customer may get the money from the bank. "
            "Only a manager can refund it, and must give a reason."
        )


class FormAlreadySent(Exception):
    """Another request with the key of this form has already paid or refunded something else."""

    def __init__(self) -> None:
        super().__init__("This form was already sent for another payment. Reload the page and enter it again.")


class ManagerRequired(Exception):
    """Only a manager may do this. The message says why, and what else is possible."""


class WriteOffTooLarge(Exception):
    """More would be written off than is due. The message says what is possible."""


class PayoutTooLarge(Exception):
    """More would be paid out than was received. The message says what is possible."""


class ReviewNotPossible(Exception):
    """The decision cannot be carried out. The message says why."""
