"""Models of bookings: the catalogue, schedules, customers and bookings."""

from bookings.models.allocation import Allocation
from bookings.models.booking import Booking
from bookings.models.booking_event import BookingEvent
from bookings.models.category import Category
from bookings.models.customer import Customer
from bookings.models.idempotency_key import IdempotencyKey
from bookings.models.location import Location
from bookings.models.resource import Resource
from bookings.models.schedule_exception import ScheduleException
from bookings.models.search import SearchText, contains_text, reference_prefix
from bookings.models.service import Service
from bookings.models.session import Session
from bookings.models.working_hours import WorkingHours

__all__ = [
    "Allocation",
    "Booking",
    "BookingEvent",
    "Category",
    "Customer",
    "IdempotencyKey",
    "Location",
    "Resource",
    "ScheduleException",
    "SearchText",
    "Service",
    "Session",
    "WorkingHours",
    "contains_text",
    "reference_prefix",
]
