"""Statements that violate the invariants of bookings."""

from tests.invariants.journeys import bookings, payments
from tests.invariants.violations.statements import OVERDUE, Violation, delete, update

BOOKING = "bookings_booking"
EVENT = "bookings_bookingevent"
ALLOCATION = "bookings_allocation"
CUSTOMER = "bookings_customer"
SESSION = "bookings_session"

VIOLATIONS = {
    "No resource is double-booked": [
        Violation(
            bookings.two_visits_with_a_room,
            update(ALLOCATION, "blocked = tstzrange(lower(blocked), upper(blocked) + interval '26 hours')"),
            unguarded="ALTER TABLE bookings_allocation DROP CONSTRAINT no_double_booking",
        )
    ],
    "An active booking occupies its resource for the whole visit": [
        Violation(bookings.created_by_staff, delete(ALLOCATION, "true")),
        Violation(
            bookings.created_by_staff,
            update(ALLOCATION, "blocked = tstzrange(lower(blocked), upper(blocked) - interval '1 minute')"),
        ),
        Violation(bookings.session, delete(ALLOCATION, "lower(blocked) > now()")),
    ],
    "A booking occupies all of its resources while it is active, and none of them otherwise": [
        Violation(
            bookings.two_visits_with_a_room,
            update(
                ALLOCATION, "is_active = false", "is_active AND resource_id = (SELECT max(id) FROM bookings_resource)"
            ),
        ),
        Violation(bookings.declined, update(ALLOCATION, "is_active = true")),
        Violation(bookings.completed, update(ALLOCATION, "is_active = true")),
    ],
    "A session occupies all of its resources while it has attendees, and none of them otherwise": [
        Violation(bookings.session_left_by_all, update(ALLOCATION, "is_active = true")),
        Violation(bookings.session, update(ALLOCATION, "is_active = false", "upper(blocked) < now()")),
    ],
    "An active booking occupies the resource that its customer asked for": [
        Violation(
            bookings.class_in_a_requested_room,
            update(
                BOOKING,
                "requested_resource_id = (SELECT min(id) FROM bookings_resource WHERE kind = 'room')",
                "requested_resource_id IS NOT NULL",
            ),
        ),
    ],
    "A session's booked places match its bookings": [
        Violation(bookings.session, update(SESSION, "booked = booked + 1", "booked > 0")),
    ],
    "A booking's events are complete and end in its current status": [
        Violation(payments.hold_expired, delete(EVENT, "kind = 'expired'")),
        Violation(payments.hold_expired, update(EVENT, "to_status = 'cancelled'", "kind = 'expired'")),
        Violation(payments.hold_expired, update(EVENT, "seq = 3", "kind = 'expired'")),
    ],
    "Each event of a booking begins in the status in which the previous one ended": [
        Violation(bookings.completed, update(EVENT, "from_status = 'declined'", "kind = 'completed'")),
        Violation(payments.hold_expired, update(EVENT, "from_status = 'held'", "seq = 1")),
    ],
    "An erased customer has no contacts and no open visit": [
        Violation(bookings.declined, update(CUSTOMER, "erased_at = now(), phone = '', email = 'a@example.com'")),
        Violation(bookings.declined, update(CUSTOMER, "erased_at = now(), email = ''")),
        Violation(bookings.created_by_staff, update(CUSTOMER, "erased_at = now(), phone = '', email = ''")),
    ],
    "Overdue holds and requests expire within five minutes": [
        Violation(payments.hold_pending, update(BOOKING, f"hold_expires_at = {OVERDUE}")),
        Violation(bookings.requested, update(BOOKING, f"answer_by = {OVERDUE}")),
    ],
}
