"""What must hold of the messages at any moment, as SQL that finds the breaches. For ``manage.py check_invariants``."""

# Sentence → query; each row of its answer is one breach. The minutes leave room for what is just under way.
INVARIANTS = {
    "Every change of a booking has its three messages": """
        SELECT e.id FROM bookings_bookingevent e
        WHERE (e.kind IN ('confirmed', 'paid', 'declined', 'unanswered', 'rescheduled', 'cancelled', 'completed',
                          'no_show') OR (e.kind = 'created' AND e.to_status <> 'held'))
          AND (SELECT count(DISTINCT n.channel) FROM notifications_notification n
               WHERE n.booking_id = e.booking_id AND split_part(n.dedupe_key, ':', 1) = e.id::text) < 3""",
    "Reminders are planned only for visits that are to take place, and before them": """
        SELECT n.id FROM notifications_notification n JOIN bookings_booking b ON b.id = n.booking_id
        WHERE n.kind = 'booking_reminder' AND n.status = 'queued'
          AND (b.status <> 'confirmed' OR n.expires_at > b.starts_at)""",
    "No message was accepted twice": """
        SELECT notification_id FROM notifications_attempt WHERE outcome = 'accepted'
        GROUP BY notification_id HAVING count(*) > 1""",
    "No message is being sent while it is in doubt": """
        SELECT n.id FROM notifications_notification n JOIN notifications_attempt a ON a.notification_id = n.id
        WHERE n.status IN ('unknown', 'held') AND a.outcome = '' AND a.ended_at IS NULL""",
    "What was accepted has the provider's id": """
        SELECT id FROM notifications_notification WHERE status = 'accepted' AND provider_id = ''""",
    "No sender is silent for longer than its lease": """
        SELECT id FROM notifications_notification
        WHERE status = 'sending' AND lease_until < now() - interval '1 minute'""",
    "Nothing that could be sent waits for more than five minutes": """
        SELECT n.id FROM notifications_notification n LEFT JOIN notifications_channelstate c ON c.channel = n.channel
        WHERE n.status = 'queued' AND n.due_at < now() - interval '5 minutes'
          AND (c.paused_until IS NULL OR c.paused_until < now())""",
    "Nothing in doubt waits for its look-up for more than five minutes": """
        SELECT id FROM notifications_notification WHERE status = 'unknown' AND due_at < now() - interval '5 minutes'""",
    "Every report of a provider is applied within five minutes": """
        SELECT id FROM notifications_receipt WHERE applied_at IS NULL AND received_at < now() - interval '5 minutes'""",
    "Nobody who opted out was written to afterwards": """
        SELECT a.id FROM notifications_suppression s
        JOIN notifications_notification n ON n.channel = s.channel AND n.address = s.address
        JOIN notifications_attempt a ON a.notification_id = n.id
        WHERE s.reason = 'opted_out' AND a.started_at > s.created_at + interval '1 minute'""",
}
