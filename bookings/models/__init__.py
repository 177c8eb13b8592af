"""What is booked, by whom, when."""

from bookings.models.allocation import Allocation
from bookings.models.booking import Booking, BookingEvent
from bookings.models.catalogue import Category, Location, Resource, ScheduleException, Service, WorkingHours
from bookings.models.customer import Customer
from bookings.models.idempotency import IdempotencyKey
from bookings.models.session import Session
from bookings.models.usage import Usage

__all__ = [
    "Allocation", "Booking", "BookingEvent", "Category", "Customer", "IdempotencyKey", "Location", "Resource",
    "ScheduleException", "Service", "Session", "Usage", "WorkingHours",
]  # fmt: skip
