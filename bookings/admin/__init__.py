"""What staff see and do: bookings and the catalogue."""

from bookings.admin import booking, catalogue

__all__ = ["booking", "catalogue"]
