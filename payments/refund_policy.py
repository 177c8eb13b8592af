"""The refund policy: what is returned to customers without a decision by a manager."""

from __future__ import annotations

from bookings.models import Booking, BookingEvent
from foundation.events import CUSTOMER_KINDS
from payments.balance import Balance

Kind, Status = BookingEvent.Kind, Booking.Status


def grants_full_refund(booking: Booking, ending: BookingEvent) -> bool:
    """Return whether a booking that ended with this event is refunded in full.

    It is if its customer cancelled in time, or if the business did not accept it, or the time that its customer chose
    later. It is not if staff cancelled it, or if its customer had been too late to cancel when choosing that time.
    """
    if ending.kind == Kind.CANCELLED:
        return ending.actor_kind in CUSTOMER_KINDS
    return booking.late_since is None


def payout_by_policy(booking: Booking, balance: Balance) -> int:
    """Return how much the front desk may pay out, in minor units: what was overpaid, if the booking stands or is
    refunded in full."""
    has_ended = booking.status in (Status.CANCELLED, Status.DECLINED, Status.EXPIRED)
    if has_ended and not grants_full_refund(booking, ending=booking.events.get(seq=booking.version)):
        return 0
    return max(0, -balance.due_minor)
