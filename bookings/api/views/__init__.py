"""Bookings over HTTP: parse the input, call one operation, represent the result."""

from bookings.api.views.bookings import BookingDetail, BookingList
from bookings.api.views.catalogue import ServiceAvailability, ServiceList
from bookings.api.views.transitions import (
    CancelBooking,
    CompleteBooking,
    ConfirmBooking,
    DeclineBooking,
    MarkNoShow,
    RescheduleBooking,
)

__all__ = [
    "BookingDetail",
    "BookingList",
    "CancelBooking",
    "CompleteBooking",
    "ConfirmBooking",
    "DeclineBooking",
    "MarkNoShow",
    "RescheduleBooking",
    "ServiceAvailability",
    "ServiceList",
]
