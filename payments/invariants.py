"""Invariants of payments, each with a query that returns the keys of the rows that violate it.

The time limits leave room for work in progress.
"""

from bookings.models import Booking

PAYABLE = ", ".join(f"'{status.value}'" for status in Booking.PAYABLE)

INVARIANTS = {
    "A payment that confirms a booking has the amount of its order, unless staff accepted it": """
        SELECT p.id FROM payments_payment p JOIN payments_paymentorder o ON o.id = p.order_id
        WHERE p.disposition = 'confirms' AND p.reviewed_at IS NULL
          AND (p.amount_minor - p.customer_fee_minor, p.currency) IS DISTINCT FROM (o.amount_minor, o.currency)""",
    "A payment that counts towards a booking belongs to one that stands": f"""
        SELECT p.id FROM payments_payment p JOIN bookings_booking b ON b.id = p.booking_id
        WHERE p.disposition = 'confirms' AND b.status NOT IN ({PAYABLE})""",  # noqa: S608 - constants
    "Captured money pays for a booking, is refunded, or needs review": """
        SELECT p.id FROM payments_payment p
        WHERE p.captured_at < now() - interval '5 minutes' AND (
            p.disposition = 'none' OR (p.disposition = 'refund_due' AND p.amount_minor - p.customer_fee_minor > (
                SELECT coalesce(sum(r.amount_minor), 0) FROM payments_refund r
                WHERE r.payment_id = p.id AND r.state <> 'failed') + (
                SELECT coalesce(sum(d.deducted_minor), 0) FROM payments_dispute d
                WHERE d.payment_id = p.id)))""",
    "Refunds never exceed their payment": """
        SELECT p.id FROM payments_payment p JOIN payments_refund r ON r.payment_id = p.id
        WHERE r.state IN ('pending', 'processed') GROUP BY p.id HAVING sum(r.amount_minor) > p.amount_minor""",
    "A dispute has the currency of its payment": """
        SELECT d.id FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id
        WHERE d.currency <> p.currency""",
    "A payment with an open dispute is refunded only by staff, with a reason": """
        SELECT r.id FROM payments_refund r JOIN payments_dispute d ON d.payment_id = r.payment_id
        WHERE r.created_at > d.created_at AND (d.decided_at IS NULL OR r.created_at < d.decided_at)
          AND r.source <> 'external' AND (r.source <> 'staff' OR r.reason = '')""",
    # Unless staff decided otherwise: they closed the review of its payment, or refunded it and kept the booking.
    "A booking that is paid online is active only with a payment": f"""
        SELECT b.id FROM bookings_booking b
        WHERE b.due_online_minor > 0 AND b.status IN ({PAYABLE}) AND NOT EXISTS (
            SELECT FROM payments_payment p
            WHERE p.booking_id = b.id AND (p.disposition IN ('confirms', 'review', 'closed') OR EXISTS (
                SELECT FROM payments_refund r WHERE r.payment_id = p.id AND r.source = 'staff')))""",  # noqa: S608 - constants
    "A payment that confirms a booking is captured within an hour": """
        SELECT id FROM payments_payment
        WHERE disposition = 'confirms' AND captured_at IS NULL
          AND signature_verified_at < now() - interval '1 hour'""",
    "Gateway events are processed within five minutes of being due": """
        SELECT id FROM payments_gatewayevent WHERE next_try_at < now() - interval '5 minutes'""",
    "Orders and refunds are polled within five minutes of being due": """
        SELECT id FROM payments_paymentorder WHERE next_check_at < now() - interval '5 minutes'
        UNION ALL SELECT id FROM payments_refund WHERE next_try_at < now() - interval '5 minutes'""",
}
