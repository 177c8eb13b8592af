"""Why bookings says no. Each message tells the caller what to do next."""

from datetime import datetime
from math import ceil

from django.utils import timezone

from bookings.models import Booking


class SlotTaken(Exception):
    """Another booking blocks the time: pick another. ``alternatives`` are the free starts that are nearest to it."""

    def __init__(self, alternatives: list[datetime] | None = None) -> None:
        super().__init__("That time has just been taken. Pick another.")
        self.alternatives = alternatives or []


class OutsideHours(Exception):
    """The time is outside opening hours, in the past, or further ahead than the service allows: pick another time."""


class PartyTooLarge(Exception):
    """More people than the service has places: book fewer at a time."""

    def __init__(self, capacity: int) -> None:
        super().__init__(f"At most {capacity} can come at a time. Book for fewer people.")


class TooManyUpcomingBookings(Exception):
    """The customer has as many visits to come as the service allows: cancel one first."""

    def __init__(self, most: int) -> None:
        super().__init__(f"This phone number has {most} visits to come already. Cancel one first, or call us.")


class UnpaidHoldExists(Exception):
    """The phone number keeps an unpaid time already: pay for it, cancel it, or wait until it lapses."""

    def __init__(self, hold: Booking) -> None:
        left = ((hold.hold_expires_at or timezone.now()) - timezone.now()).total_seconds()
        self.seconds_left = max(1, ceil(left))
        super().__init__(
            "This phone number keeps a time already that is not paid for. Pay for it, cancel it with its token, "
            f"or wait {ceil(self.seconds_left / 60)} minutes."
        )


class TooLateToChange(Exception):
    """The visit is too near for its customer to change it: call the business."""


class VisitNotStarted(Exception):
    """Nobody can have missed what is still to come: wait until the visit has begun."""


class WrongPaymentMode(Exception):
    """The service takes no money online, or only with it: use the other endpoint."""


class IdempotencyKeyMalformed(Exception):
    """The Idempotency-Key cannot be one: send 1 to 255 printable ASCII characters."""


class IdempotencyKeyReused(Exception):
    """The Idempotency-Key came with another request before: send a new one."""


class RequestInProgress(Exception):
    """The first request with this Idempotency-Key is still running: ask again in a moment."""


class InvalidTransition(Exception):
    """The booking's status does not allow the move: look at the booking again."""

    def __init__(self, booking: Booking, wanted: str) -> None:
        super().__init__(f"Booking {booking.reference} is {booking.status}: it cannot become {wanted}.")
        self.booking = booking
