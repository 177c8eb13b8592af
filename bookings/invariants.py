"""Invariants of bookings, each with a query that returns the keys of the rows that violate it."""

INVARIANTS = {
    "No resource is double-booked": """
        SELECT a.id FROM bookings_allocation a JOIN bookings_allocation b
        ON a.resource_id = b.resource_id AND a.id < b.id AND a.is_active AND b.is_active AND a.blocked && b.blocked""",
    "An active booking occupies its resource for the whole visit": """
        SELECT b.id FROM bookings_booking b
        WHERE b.status IN ('held', 'pending', 'confirmed') AND NOT EXISTS (
            SELECT FROM bookings_allocation a WHERE a.is_active AND a.resource_id = b.resource_id
            AND (a.booking_id = b.id OR a.session_id = b.session_id) AND a.blocked @> tstzrange(b.starts_at, b.ends_at))
        """,
    "A booking occupies all of its resources while it is active, and none of them otherwise": """
        SELECT a.id FROM bookings_allocation a JOIN bookings_booking b ON b.id = a.booking_id
        WHERE a.is_active <> (b.status IN ('held', 'pending', 'confirmed'))""",
    "A session occupies all of its resources while it has attendees, and none of them otherwise": """
        SELECT a.id FROM bookings_allocation a JOIN bookings_session s ON s.id = a.session_id
        WHERE a.is_active <> (s.booked > 0)""",
    "An active booking occupies the resource that its customer asked for": """
        SELECT b.id FROM bookings_booking b
        WHERE b.status IN ('held', 'pending', 'confirmed') AND b.requested_resource_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM bookings_allocation a WHERE a.resource_id = b.requested_resource_id
            AND (a.booking_id = b.id OR a.session_id = b.session_id))""",
    "A session's booked places match its bookings": """
        SELECT s.id FROM bookings_session s LEFT JOIN bookings_booking b
            ON b.session_id = s.id AND b.status NOT IN ('cancelled', 'declined', 'expired')
        GROUP BY s.id HAVING s.booked <> coalesce(sum(b.party_size), 0)""",
    "A booking's events are complete and end in its current status": """
        SELECT b.id FROM bookings_booking b LEFT JOIN bookings_bookingevent e ON e.booking_id = b.id
        GROUP BY b.id HAVING count(e.id) <> b.version OR max(e.seq) <> b.version
            OR (array_agg(e.to_status ORDER BY e.seq DESC))[1] IS DISTINCT FROM b.status""",
    "Each event of a booking begins in the status in which the previous one ended": """
        SELECT id FROM (
            SELECT id, from_status, lag(to_status, 1, '') OVER (PARTITION BY booking_id ORDER BY seq) AS current_status
            FROM bookings_bookingevent) e
        WHERE from_status <> current_status""",
    "An erased customer has no contacts and no open visit": """
        SELECT c.id FROM bookings_customer c
        WHERE c.erased_at IS NOT NULL AND (c.phone <> '' OR c.email <> '' OR EXISTS (
            SELECT FROM bookings_booking b
            WHERE b.customer_id = c.id AND b.status IN ('held', 'pending', 'confirmed')))""",
    "Overdue holds and requests expire within five minutes": """
        SELECT id FROM bookings_booking
        WHERE hold_expires_at < now() - interval '5 minutes' OR answer_by < now() - interval '5 minutes'""",
}
