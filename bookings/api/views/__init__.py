"""Bookings over HTTP: translate in, one call, translate out."""

from bookings.api.permissions import CUSTOMER
from bookings.api.representation import represent_new_booking
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
    "CUSTOMER",
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
    "represent_new_booking",
]
