"""What is booked, by whom, when."""

from bookings.models.booking import Allocation, Booking, BookingEvent
from bookings.models.catalogue import Location, Resource, Service, WorkingHours
from bookings.models.customer import Customer

__all__ = ["Allocation", "Booking", "BookingEvent", "Customer", "Location", "Resource", "Service", "WorkingHours"]
