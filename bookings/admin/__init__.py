"""Bookings and the catalogue in the admin."""

from bookings.admin import booking, catalogue, customer, schedule_exception, session

__all__ = ["booking", "catalogue", "customer", "schedule_exception", "session"]
