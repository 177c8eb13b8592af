"""Reasons to refuse a request about a booking. Each message tells the caller what to do next."""

from datetime import datetime
from math import ceil
from typing import Any, ClassVar

from bookings.models import Booking
from foundation.clock import database_now
from foundation.exceptions import RequestRefused
from foundation.http.problem_texts import throttled_detail


class BookingNotFound(RequestRefused):
    """There is no booking with this id."""

    status, code = 404, "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such booking. Check the id.")


class SlotTaken(RequestRefused):
    """Another booking blocks the slot. ``alternatives`` are the nearest free start times."""

    status, code = 409, "slot_taken"
    explanation = "The slot is already taken."
    advice = "Pick one of the nearest free slots in alternatives, or call GET /services/{slug}/availability."

    extra_schemas: ClassVar = {
        "alternatives": {
            "type": "array",
            "items": {"type": "string", "format": "date-time"},
            "description": "With `slot_taken`: start times of the nearest free slots.",
        }
    }

    def __init__(self, alternatives: list[datetime] | None = None) -> None:
        super().__init__("This time has just been taken. Please pick another one.")
        self.alternatives = alternatives or []

    def extra_members(self) -> dict[str, Any]:
        return {"alternatives": [start.isoformat() for start in self.alternatives]}


class OutsideHours(RequestRefused):
    """The time is outside the opening hours, in the past, too soon or too far ahead for the service."""

    status, code = 422, "outside_hours"
    explanation = (
        "The service cannot be booked at that time: it is outside the opening hours, in the past, too soon, too far "
        "ahead, or not one of the start times."
    )
    advice = "Pick a time that GET /services/{slug}/availability lists."


class PartyTooLarge(RequestRefused):
    """The party is larger than the capacity of the service."""

    status, code = 422, "party_too_large"
    explanation = "The party is larger than the capacity of the service."
    advice = "Book for fewer people, or make several bookings."

    def __init__(self, capacity: int) -> None:
        people = "1 person" if capacity == 1 else f"{capacity} people"
        super().__init__(f"This service takes at most {people} at a time. Book for fewer people.")


class TooManyUpcomingBookings(RequestRefused):
    """The phone number has reached the service's limit of upcoming bookings."""

    status, code = 422, "too_many_open"
    explanation = "This phone number has reached the service's limit of upcoming bookings."
    advice = "Cancel one first, or call the business."

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"This phone number has reached the limit of upcoming bookings ({limit}). Cancel one first, or call us."
        )


class TooManyOpenBookings(RequestRefused):
    """The phone number has too many upcoming bookings by customers: of this client, or of all.

    The response equals that of a rate limit, so it does not reveal whether the phone number has bookings.
    """

    status, code = 429, "throttled"

    def __init__(self, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(throttled_detail(retry_after))


class UnpaidHoldExists(RequestRefused):
    """The phone number already holds an unpaid slot. ``retry_after`` is the time in seconds until the hold expires."""

    status, code = 409, "hold_open"
    explanation = "This phone number already holds a slot that is not paid for."
    advice = "Pay for it, cancel it with its manage token, or wait for the number of seconds in Retry-After."

    def __init__(self, hold: Booking) -> None:
        remaining = ((hold.hold_expires_at or database_now()) - database_now()).total_seconds()
        self.retry_after = max(1, ceil(remaining))
        super().__init__(
            "This phone number already holds a slot that is not paid for. Pay for it, cancel it with its token, "
            f"or wait {ceil(self.retry_after / 60)} min."
        )


class AlreadyBooked(RequestRefused):
    """The same caller has already booked for the same person at the same time. It reveals nothing of that booking."""

    status, code = 409, "already_booked"
    explanation = "You have already booked for this customer at that time."
    advice = (
        "Use the booking that you have, or reschedule or cancel it. For another person, send that person's name. "
        "Staff can send allow_overlap."
    )

    def __init__(self) -> None:
        super().__init__(
            "This customer already has a booking at that time. Use that booking, choose another time, or book in the "
            "name of the other person."
        )


class TooLateToChange(RequestRefused):
    """The cutoff for changes by the customer has passed."""

    status, code = 409, "too_late_to_change"
    explanation = "The visit is too soon to be changed online."
    advice = "Call the business: staff can still change it."


class TooEarly(RequestRefused):
    """A visit cannot be completed before its day, or marked as a no-show before it has started."""

    status, code = 409, "too_early"
    explanation = "The day of the visit has not come yet, or, for a no-show, the visit has not started yet."
    advice = "Complete the visit on its day or later, and mark a no-show once the visit has started."


class WrongPaymentMode(RequestRefused):
    """The service's payment mode needs another operation."""

    status, code = 422, "wrong_payment_mode"
    explanation = "The service's payment mode needs another operation."
    advice = "Use POST /bookings/razorpay-booking if payment_mode is full or deposit, otherwise POST /bookings/."


class IdempotencyKeyMalformed(RequestRefused):
    """The Idempotency-Key is not 1 to 255 printable ASCII characters."""

    status, code = 400, "idempotency_key_malformed"
    explanation = "The Idempotency-Key is malformed."
    advice = "Send 1 to 255 printable ASCII characters that cannot be guessed, such as a UUID."


class IdempotencyKeyReused(RequestRefused):
    """The Idempotency-Key was already used for a different request."""

    status, code = 422, "idempotency_key_reused"
    explanation = "The Idempotency-Key was already used for a different request."
    advice = "Send a new key with each new request. A key belongs to its first request for 7 days."


class RequestInProgress(RequestRefused):
    """The first request with this Idempotency-Key is still running."""

    status, code = 409, "request_in_progress"
    retry_after = 1
    explanation = "The first request with this Idempotency-Key is still running."
    advice = "Send the same request again after the number of seconds in Retry-After to get its response."


class ResponseErased(RequestRefused):
    """The stored response of a replay was erased together with its customer's personal data."""

    status, code = 410, "response_erased"
    explanation = "The response to the first request with this Idempotency-Key was erased with the customer's data."
    advice = "Nothing was booked again. Send a new key to make a new booking."

    def __init__(self) -> None:
        super().__init__(
            "The first response was erased together with the customer's data. Nothing was booked. Send a new key to "
            "make a new booking."
        )


class ErasureRefused(Exception):
    """A visit, payment, refund, dispute or message of the customer is open. ``obstacles`` say what to do."""

    def __init__(self, obstacles: list[str]) -> None:
        super().__init__(" ".join(obstacles))
        self.obstacles = obstacles


class InvalidTransition(RequestRefused):
    """The booking's status does not allow the transition."""

    status, code = 409, "invalid_transition"
    explanation = "The booking's status does not allow this change."
    advice = "Get the booking again: its status may have changed in the meantime."

    def __init__(self, booking: Booking, target: str) -> None:
        change = "marked as a no-show" if target == Booking.Status.NO_SHOW else target
        super().__init__(f"Booking {booking.reference} is {booking.status}, so it cannot be {change}.")
        self.booking = booking


NEW_BOOKING_REFUSALS = (
    SlotTaken,
    OutsideHours,
    PartyTooLarge,
    TooManyUpcomingBookings,
    TooManyOpenBookings,
    AlreadyBooked,
    WrongPaymentMode,
)
