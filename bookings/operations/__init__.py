"""The verbs of bookings. Each is one transaction that announces one event, or raises and leaves nothing behind."""

from bookings.moves import Actor
from bookings.operations.correcting import correct_customer
from bookings.operations.deciding import (
    accept_payment,
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    mark_no_show,
)
from bookings.operations.lapsing import expire_unanswered, extend_hold, lapse_hold, release_hold
from bookings.operations.making import Booked, create_booking, hold_booking, replace_token
from bookings.operations.rescheduling import reschedule_booking

__all__ = [
    "Actor", "Booked", "accept_payment", "cancel_booking", "complete_booking", "confirm_booking", "correct_customer",
    "create_booking",
    "decline_booking", "expire_unanswered", "extend_hold", "hold_booking", "lapse_hold", "mark_no_show", "release_hold",
    "replace_token", "reschedule_booking",
]  # fmt: skip
