"""Invariants of notifications, each with a query that returns the keys of the rows that violate it.

The minutes allow for work in progress. Kinds and channels come from their registries.
"""

from bookings.models import Booking, BookingEvent
from notifications.channels import CHANNELS
from notifications.delivery.claimable import IS_WAITING_FOR_ANOTHER
from notifications.messages.kinds import kinds_caused_by
from notifications.outbox import REFUND_CAUSE

# Which event causes which message, for all values that an event may have, by the rule that queues the messages.
EXPECTED_MESSAGES = ", ".join(
    f"('{event_kind}', '{from_status}', '{to_status}', '{kind}')"
    for event_kind in BookingEvent.Kind.values
    for from_status in ["", *Booking.Status.values]
    for to_status in Booking.Status.values
    for kind in kinds_caused_by(event_kind, from_status, to_status)
)

# A message ``n``, a refund ``r`` of the payment ``p``, and a row ``x`` with the kind of the message.
IS_ABOUT_THE_REFUND = f"""n.booking_id = p.booking_id AND n.kind = x.kind
    AND starts_with(n.dedupe_key, format('{REFUND_CAUSE}:', r.id, x.kind))"""


TIME_OF_THE_REFUND = "CASE WHEN is_processed THEN r.processed_at ELSE r.created_at END"


def lacks_a_channel(condition: str, *, at: str) -> str:
    """Return the SQL condition that a channel in use at ``at`` has no message (``n``) with ``condition``.

    Web and worker start with new settings some minutes apart.
    """
    return f"""{len(CHANNELS)} <> (
        SELECT count(DISTINCT channel) FROM (
            SELECT n.channel FROM notifications_notification n WHERE {condition}
            UNION ALL
            SELECT o.channel FROM notifications_offperiod o
            WHERE {at} > o.since - interval '5 minutes'
              AND (o.until IS NULL OR {at} < o.until + interval '5 minutes')) AS complete)"""  # noqa: S608 - constants


INVARIANTS = {
    "Every change of a booking has its messages on each channel": f"""
        WITH expected(event_kind, from_status, to_status, kind) AS (VALUES {EXPECTED_MESSAGES})
        SELECT DISTINCT e.id FROM bookings_bookingevent e
        JOIN expected x ON (x.event_kind, x.from_status, x.to_status) = (e.kind, e.from_status, e.to_status)
        WHERE {lacks_a_channel("n.booking_id = e.booking_id AND n.event_id = e.id AND n.kind = x.kind", at="e.at")}
        """,  # noqa: S608 - constants
    "A message about a change of a booking refers to a change that causes it": f"""
        WITH expected(event_kind, from_status, to_status, kind) AS (VALUES {EXPECTED_MESSAGES})
        SELECT n.id FROM notifications_notification n LEFT JOIN bookings_bookingevent e
            ON e.id = n.event_id AND e.booking_id = n.booking_id
        WHERE (n.event_id IS NOT NULL OR n.kind IN (SELECT kind FROM expected)) AND NOT EXISTS (
            SELECT FROM expected x
            WHERE (x.event_kind, x.from_status, x.to_status, x.kind)
                = (e.kind, e.from_status, e.to_status, n.kind))""",  # noqa: S608 - constants
    "Every refund has its messages on each channel": f"""
        SELECT r.id FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id,
            (VALUES ('refund_requested', false), ('refund_processed', true)) AS x(kind, is_processed)
        WHERE CASE WHEN is_processed THEN r.processed_at IS NOT NULL ELSE r.source <> 'external' END
          AND {lacks_a_channel(IS_ABOUT_THE_REFUND, at=TIME_OF_THE_REFUND)}""",  # noqa: S608 - constants
    "A message about a refund refers to a refund of its booking": f"""
        SELECT n.id FROM notifications_notification n
        WHERE n.kind IN ('refund_requested', 'refund_processed') AND NOT EXISTS (
            SELECT FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id, (VALUES (n.kind)) AS x(kind)
            WHERE {IS_ABOUT_THE_REFUND})""",  # noqa: S608 - constants
    "Reminders are queued only for confirmed visits, and expire before them": """
        SELECT n.id FROM notifications_notification n JOIN bookings_booking b ON b.id = n.booking_id
        WHERE n.kind = 'booking_reminder' AND n.status = 'queued' AND n.superseded_at IS NULL
          AND (b.status <> 'confirmed' OR n.expires_at > b.starts_at)""",
    "No message was accepted twice": """
        SELECT notification_id FROM notifications_attempt WHERE outcome = 'accepted'
        GROUP BY notification_id HAVING count(*) > 1
        UNION SELECT n.id FROM notifications_notification n JOIN notifications_receipt r ON r.notification_id = n.id
        WHERE '' NOT IN (n.provider_id, r.provider_id) AND n.provider_id <> r.provider_id""",
    "No message with an unknown outcome is being sent": """
        SELECT n.id FROM notifications_notification n JOIN notifications_attempt a ON a.notification_id = n.id
        WHERE n.status IN ('unknown', 'held') AND a.outcome = '' AND a.ended_at IS NULL""",
    "An accepted message has the provider's id": """
        SELECT id FROM notifications_notification WHERE status = 'accepted' AND provider_id = ''""",
    "Expired leases are taken back within a minute": """
        SELECT id FROM notifications_notification
        WHERE status = 'sending' AND lease_until < now() - interval '1 minute'""",
    # Also while their channel is paused: an outage must show.
    "Due messages are sent within five minutes": f"""
        SELECT n.id FROM notifications_notification n
        WHERE n.status = 'queued' AND n.due_at < now() - interval '5 minutes' AND NOT {IS_WAITING_FOR_ANOTHER}
          AND n.channel NOT IN (SELECT channel FROM notifications_offperiod WHERE until IS NULL)""",  # noqa: S608
    "Lookups happen within five minutes of being due": """
        SELECT id FROM notifications_notification WHERE status = 'unknown' AND due_at < now() - interval '5 minutes'""",
    "Delivery receipts are applied within five minutes": """
        SELECT id FROM notifications_receipt WHERE applied_at IS NULL AND received_at < now() - interval '5 minutes'""",
    "Customers who opted out get no messages": """
        SELECT a.id FROM notifications_suppression s
        JOIN notifications_attempt a ON a.address = s.address
        JOIN notifications_notification n ON n.id = a.notification_id AND n.channel = s.channel
        WHERE s.reason = 'opted_out' AND a.started_at > s.created_at + interval '1 minute'
          AND a.outcome IN ('accepted', 'unknown')""",
}
