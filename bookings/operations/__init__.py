"""Operations on bookings.

Unless documented otherwise, each is one transaction that publishes at most one event, or raises and changes nothing.
"""

from bookings.operations.create import NewBooking, create_booking, hold_booking, replace_manage_token
from bookings.operations.customers import add_contact_check, contact_errors, update_customer
from bookings.operations.erasure import add_erasure_check, erase_customer, erase_late_arrivals, erasure_obstacles
from bookings.operations.holds import expire_hold, expire_unanswered_requests, extend_hold, release_hold
from bookings.operations.locations import update_location
from bookings.operations.reschedule import reschedule_booking
from bookings.operations.transitions import (
    accept_payment,
    cancel_booking,
    complete_booking,
    confirm_booking,
    decline_booking,
    mark_no_show,
)

__all__ = [
    "NewBooking",
    "accept_payment",
    "add_contact_check",
    "add_erasure_check",
    "cancel_booking",
    "complete_booking",
    "confirm_booking",
    "contact_errors",
    "create_booking",
    "decline_booking",
    "erase_customer",
    "erase_late_arrivals",
    "erasure_obstacles",
    "expire_hold",
    "expire_unanswered_requests",
    "extend_hold",
    "hold_booking",
    "mark_no_show",
    "release_hold",
    "replace_manage_token",
    "reschedule_booking",
    "update_customer",
    "update_location",
]
