"""Bookings over HTTP: translate in, one call, translate out."""

from bookings.views.access import CUSTOMER
from bookings.views.bookings import BookingDetail, BookingList, new_booking_answer
from bookings.views.catalogue import ServiceAvailability, ServiceList
from bookings.views.moves import (
    CancelBooking,
    CompleteBooking,
    ConfirmBooking,
    DeclineBooking,
    MissBooking,
    RescheduleBooking,
)

__all__ = [
    "CUSTOMER", "BookingDetail", "BookingList", "CancelBooking", "CompleteBooking", "ConfirmBooking", "DeclineBooking",
    "MissBooking", "RescheduleBooking", "ServiceAvailability", "ServiceList", "new_booking_answer",
]  # fmt: skip
