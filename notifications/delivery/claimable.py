"""Which notifications can be claimed now: the SQL condition on the row ``n``."""

# Whether a message must wait: another one of its booking and channel is in flight or has an unknown outcome, or an
# earlier one is still to be sent. An expired or suppressed one counts until it is marked so, within a second: if its
# expiry decided here, two lanes could decide differently. One that was superseded, or is on hold, delays nothing.
IS_WAITING_FOR_ANOTHER = """
    EXISTS (SELECT FROM notifications_notification other
            WHERE other.booking_id = n.booking_id AND other.channel = n.channel AND other.id <> n.id
              AND (other.status IN ('sending', 'unknown')
                   OR other.status = 'queued' AND other.superseded_at IS NULL
                      AND (other.planned_at, other.created_at, other.id) < (n.planned_at, n.created_at, n.id)))
"""

IS_CLAIMABLE = f"""
    n.status = 'queued' AND n.due_at <= statement_timestamp() AND n.superseded_at IS NULL
    AND (n.expires_at IS NULL OR n.expires_at > statement_timestamp())
    AND NOT EXISTS (SELECT FROM notifications_suppression s WHERE s.channel = n.channel AND s.address = n.address)
    AND NOT {IS_WAITING_FOR_ANOTHER}
"""
