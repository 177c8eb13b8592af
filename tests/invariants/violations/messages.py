"""Statements that violate the invariants of messages."""

from tests.invariants.journeys import bookings, messages, refunds
from tests.invariants.violations.statements import LONG_AGO, OVERDUE, Violation, copy, delete, update

BOOKING = "bookings_booking"
NOTIFICATION = "notifications_notification"
ATTEMPT = "notifications_attempt"
RECEIPT = "notifications_receipt"
SUPPRESSION = "notifications_suppression"
NEW_MESSAGE = "'id', gen_random_uuid(), 'dedupe_key', 'another', 'provider_id', ''"

VIOLATIONS = {
    "Every change of a booking has its messages on each channel": [
        Violation(bookings.completed, delete(NOTIFICATION, "kind = 'booking_completed'")),
        Violation(
            bookings.completed,
            update(NOTIFICATION, "kind = 'booking_missed'", "kind = 'booking_completed'"),
            also=frozenset({"A message about a change of a booking refers to a change that causes it"}),
        ),
    ],
    "A message about a change of a booking refers to a change that causes it": [
        Violation(
            bookings.completed,
            # Not a copy of an accepted message, which must have the provider's id.
            copy(NOTIFICATION, f"{NEW_MESSAGE}, 'kind', 'booking_cancelled'", "kind = 'booking_requested'"),
        ),
        Violation(bookings.requested, copy(NOTIFICATION, f"{NEW_MESSAGE}, 'event_id', NULL")),
        Violation(
            bookings.cancelled_and_booked_again,
            copy(
                NOTIFICATION,
                f"{NEW_MESSAGE}, 'booking_id', (SELECT id FROM {BOOKING} WHERE status = 'pending')",
                "kind = 'booking_cancelled'",
            ),
        ),
    ],
    "Every refund has its messages on each channel": [
        Violation(refunds.refunded_by_staff, delete(NOTIFICATION, "kind = 'refund_requested'")),
        Violation(refunds.refunded_by_staff, delete(NOTIFICATION, "kind = 'refund_processed'")),
        Violation(refunds.refunded_in_the_dashboard, delete(NOTIFICATION, "kind = 'refund_processed'")),
    ],
    "A message about a refund refers to a refund of its booking": [
        Violation(
            bookings.requested, copy(NOTIFICATION, f"{NEW_MESSAGE}, 'kind', 'refund_requested', 'event_id', NULL")
        ),
    ],
    "Reminders are queued only for confirmed visits, and expire before them": [
        Violation(
            bookings.created_by_staff,
            update(NOTIFICATION, "expires_at = expires_at + interval '1 minute'", "kind = 'booking_reminder'"),
        ),
        Violation(
            bookings.cancelled_by_the_customer,
            update(
                NOTIFICATION, "status = 'queued', superseded_at = NULL, due_at = now()", "kind = 'booking_reminder'"
            ),
        ),
    ],
    "No message was accepted twice": [
        Violation(messages.opted_out, copy(ATTEMPT, "'id', gen_random_uuid()", "outcome = 'accepted'")),
        Violation(
            messages.opted_out,
            f"""INSERT INTO {RECEIPT}
                (notification_id, attempt_id, provider_id, provider_status, error_code, fields, received_at, applied_at)
                SELECT id, gen_random_uuid(), 'SM2', 'delivered', '', '{{}}', now(), now()
                FROM {NOTIFICATION} WHERE status = 'accepted' LIMIT 1""",
        ),
    ],
    "No message with an unknown outcome is being sent": [
        Violation(messages.unknown_outcome, update(ATTEMPT, "outcome = '', ended_at = NULL", "outcome = 'unknown'")),
    ],
    "An accepted message has the provider's id": [
        Violation(messages.opted_out, update(NOTIFICATION, "provider_id = ''", "status = 'accepted'")),
    ],
    "Expired leases are taken back within a minute": [
        Violation(
            bookings.requested,
            update(NOTIFICATION, f"status = 'sending', lease_token = gen_random_uuid(), lease_until = {LONG_AGO}"),
        ),
    ],
    "Due messages are sent within five minutes": [
        Violation(bookings.requested, update(NOTIFICATION, f"due_at = {OVERDUE}")),
    ],
    "Lookups happen within five minutes of being due": [
        Violation(messages.unknown_outcome, update(NOTIFICATION, f"due_at = {OVERDUE}", "status = 'unknown'")),
    ],
    "Delivery receipts are applied within five minutes": [
        Violation(
            bookings.requested,
            f"""INSERT INTO {RECEIPT}
                    (notification_id, attempt_id, provider_id, provider_status, error_code, fields, received_at)
                SELECT id, gen_random_uuid(), 'SM1', 'sent', '', '{{}}', {OVERDUE} FROM {NOTIFICATION} LIMIT 1""",
        ),
    ],
    "Customers who opted out get no messages": [
        Violation(messages.opted_out, update(SUPPRESSION, f"created_at = {LONG_AGO}")),
    ],
}
