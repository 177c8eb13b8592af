"""What must hold of money at any moment, as SQL that finds the breaches. For ``manage.py check_invariants``."""

# Sentence → query; each row of its answer is one breach. The minutes leave room for what is just under way.
INVARIANTS = {
    "What pays for a booking is the very sum that was asked for": """
        SELECT p.id FROM payments_payment p JOIN payments_paymentorder o ON o.id = p.order_id
        WHERE p.disposition = 'confirms' AND p.review_reason = ''
          AND (p.amount_minor, p.currency) IS DISTINCT FROM (o.amount_minor, o.currency)""",
    "Captured money pays for a booking, goes back, or waits for a person": """
        SELECT p.id FROM payments_payment p
        WHERE p.captured_at < now() - interval '5 minutes' AND (
            p.disposition = 'none' OR (p.disposition = 'refund_due' AND p.amount_minor > (
                SELECT coalesce(sum(r.amount_minor), 0) FROM payments_refund r
                WHERE r.payment_id = p.id AND r.state <> 'failed')))""",
    "No more goes back than was paid": """
        SELECT p.id FROM payments_payment p JOIN payments_refund r ON r.payment_id = p.id
        WHERE r.state IN ('pending', 'processed') GROUP BY p.id HAVING sum(r.amount_minor) > p.amount_minor""",
    "A booking that asks for money online stands only on a payment": """
        SELECT b.id FROM bookings_booking b
        WHERE b.due_online_minor > 0 AND b.status IN ('pending', 'confirmed', 'completed') AND NOT EXISTS (
            SELECT FROM payments_payment p
            WHERE p.booking_id = b.id AND p.disposition IN ('confirms', 'review', 'closed'))""",
    "What a booking stands on is captured within the hour": """
        SELECT id FROM payments_payment
        WHERE disposition = 'confirms' AND captured_at IS NULL
          AND signature_verified_at < now() - interval '1 hour'""",
    "Everything that the gateway reported is acted on within five minutes": """
        SELECT id FROM payments_gatewayevent WHERE next_try_at < now() - interval '5 minutes'""",
    "No order waits for its check, and no refund for its answer, for more than five minutes": """
        SELECT id FROM payments_paymentorder WHERE next_check_at < now() - interval '5 minutes'
        UNION ALL SELECT id FROM payments_refund WHERE next_try_at < now() - interval '5 minutes'""",
    "No unpaid hold outlives its end by more than five minutes": """
        SELECT id FROM bookings_booking WHERE status = 'held' AND hold_expires_at < now() - interval '5 minutes'""",
}
