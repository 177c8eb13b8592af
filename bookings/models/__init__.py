"""What is booked, by whom, when."""

from bookings.models.booking import Allocation, Booking, BookingEvent
from bookings.models.catalogue import Location, Resource, Service, WorkingHours
from bookings.models.customer import Customer
from bookings.models.idempotency import IdempotencyKey

__all__ = [
    "Allocation", "Booking", "BookingEvent", "Customer", "IdempotencyKey", "Location", "Resource", "Service",
    "WorkingHours",
]  # fmt: skip
