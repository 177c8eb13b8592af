"""Invariants of notifications, each with a query that returns the keys of the rows that violate it.

The minutes allow for work in progress. Kinds and channels come from their registries.
"""

from notifications.channels import CHANNELS
from notifications.messages.kinds import KINDS

# The kinds that an event must have, by signal: its status decides which of its signals was sent.
SIGNALS = list({spec.signal: None for spec in KINDS.values() if spec.signal is not None})
EXPECTED_KINDS = ", ".join(
    f"({SIGNALS.index(spec.signal)}, '{event_kind.value}', '{kind.value}')"
    for kind, spec in KINDS.items()
    if spec.signal is not None
    for event_kind in spec.event_kinds
)

INVARIANTS = {
    # Holds send no messages.
    "Every change of a booking has a message on each channel": f"""
        WITH expected(signal, event_kind, kind) AS (VALUES {EXPECTED_KINDS})
        SELECT e.id FROM bookings_bookingevent e
        WHERE e.kind IN (SELECT event_kind FROM expected) AND e.to_status <> 'held'
          AND NOT (e.from_status = 'held' AND e.to_status = 'cancelled')
          AND NOT EXISTS (
            SELECT FROM expected x WHERE x.event_kind = e.kind GROUP BY x.signal
            HAVING bool_and({len(CHANNELS)} = (
                SELECT count(DISTINCT n.channel) FROM notifications_notification n
                WHERE n.booking_id = e.booking_id AND n.event_id = e.id AND n.kind = x.kind)))""",  # noqa: S608 - constants
    "Reminders are queued only for confirmed visits, and expire before them": """
        SELECT n.id FROM notifications_notification n JOIN bookings_booking b ON b.id = n.booking_id
        WHERE n.kind = 'booking_reminder' AND n.status = 'queued'
          AND (b.status <> 'confirmed' OR n.expires_at > b.starts_at)""",
    "No message was accepted twice": """
        SELECT notification_id FROM notifications_attempt WHERE outcome = 'accepted'
        GROUP BY notification_id HAVING count(*) > 1""",
    "No message with an unknown outcome is being sent": """
        SELECT n.id FROM notifications_notification n JOIN notifications_attempt a ON a.notification_id = n.id
        WHERE n.status IN ('unknown', 'held') AND a.outcome = '' AND a.ended_at IS NULL""",
    "An accepted message has the provider's id": """
        SELECT id FROM notifications_notification WHERE status = 'accepted' AND provider_id = ''""",
    "Expired leases are taken back within a minute": """
        SELECT id FROM notifications_notification
        WHERE status = 'sending' AND lease_until < now() - interval '1 minute'""",
    "Due messages are sent within five minutes": """
        SELECT n.id FROM notifications_notification n LEFT JOIN notifications_channelstate c ON c.channel = n.channel
        WHERE n.status = 'queued' AND n.due_at < now() - interval '5 minutes'
          AND (c.paused_until IS NULL OR c.paused_until < now())""",
    "Lookups happen within five minutes of being due": """
        SELECT id FROM notifications_notification WHERE status = 'unknown' AND due_at < now() - interval '5 minutes'""",
    "Delivery receipts are applied within five minutes": """
        SELECT id FROM notifications_receipt WHERE applied_at IS NULL AND received_at < now() - interval '5 minutes'""",
    "Customers who opted out get no messages": """
        SELECT a.id FROM notifications_suppression s
        JOIN notifications_notification n ON n.channel = s.channel AND n.address = s.address
        JOIN notifications_attempt a ON a.notification_id = n.id
        WHERE s.reason = 'opted_out' AND a.started_at > s.created_at + interval '1 minute'""",
}
