"""Why bookings says no. Each message tells the caller what to do next."""

from bookings.models import Booking


class SlotTaken(Exception):
    """Another booking blocks the time, or nobody who offers the service works then: pick another time."""


class OutsideHours(Exception):
    """The time is outside opening hours, in the past, or further ahead than the service allows: pick another time."""


class ServiceNotPayable(Exception):
    """The service takes no money online, or only with it: use the other endpoint."""


class KeyMalformed(Exception):
    """The Idempotency-Key cannot be one: send 1 to 255 printable ASCII characters."""


class KeyReused(Exception):
    """The Idempotency-Key came with another request before: send a new one."""


class RequestInProgress(Exception):
    """The first request with this Idempotency-Key is still running: ask again in a moment."""


class InvalidTransition(Exception):
    """The booking's status does not allow the move: look at the booking again."""

    def __init__(self, booking: Booking, wanted: str) -> None:
        super().__init__(f"Booking {booking.reference} is {booking.status}: it cannot become {wanted}.")
        self.booking = booking
