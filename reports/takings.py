"""Takings: what was taken and returned on a day, by method. Days are in the business's time zone.

Online payments and refunds count when they happened by the gateway's clock, not when we heard of them. A fee that the
customer bears belongs to the gateway, and is not counted. What a lost dispute deducts counts as returned, on the day
when it was lost. A refund that fails after it was processed counts as taken again when it fails: the takings of an
earlier day do not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection
from django.utils import timezone

# Each payment, refund, failure of a processed refund, lost dispute and desk payment of a day, with the amounts taken
# and returned in minor units.
MOVEMENTS = """
    SELECT p.paid_at AS at, 'online: ' || coalesce(nullif(p.method, ''), 'other') AS method, p.booking_id,
           p.amount_minor - p.customer_fee_minor AS taken, 0::bigint AS returned, p.currency,
           p.razorpay_payment_id AS receipt
    FROM payments_payment p
    WHERE p.captured_at IS NOT NULL AND p.paid_at >= %(start)s AND p.paid_at < %(end)s
    UNION ALL
    SELECT r.refunded_at, 'online: ' || coalesce(nullif(p.method, ''), 'other'), p.booking_id, 0, r.amount_minor,
           r.currency, r.razorpay_refund_id
    FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
    WHERE r.processed_at IS NOT NULL AND r.refunded_at >= %(start)s AND r.refunded_at < %(end)s
    UNION ALL
    SELECT r.failed_at, 'online: ' || coalesce(nullif(p.method, ''), 'other'), p.booking_id, r.amount_minor, 0,
           r.currency, r.razorpay_refund_id
    FROM payments_refund r JOIN payments_payment p ON p.id = r.payment_id
    WHERE r.processed_at IS NOT NULL AND r.failed_at >= %(start)s AND r.failed_at < %(end)s
    UNION ALL
    SELECT d.decided_at, 'online: ' || coalesce(nullif(p.method, ''), 'other'), p.booking_id, 0, d.deducted_minor,
           d.currency, d.razorpay_dispute_id
    FROM payments_dispute d JOIN payments_payment p ON p.id = d.payment_id
    WHERE d.deducted_minor > 0 AND d.decided_at >= %(start)s AND d.decided_at < %(end)s
    UNION ALL
    SELECT d.taken_at, 'desk: ' || d.method, d.booking_id, CASE d.kind WHEN 'taken' THEN d.amount_minor ELSE 0 END,
           CASE d.kind WHEN 'paid_out' THEN d.amount_minor ELSE 0 END, d.currency, d.id::text
    FROM payments_deskpayment d
    WHERE d.kind <> 'written_off' AND d.voided_at IS NULL AND d.taken_at >= %(start)s AND d.taken_at < %(end)s"""


@dataclass(frozen=True)
class Taking:
    """The totals of one method on one day: the number of movements, and amounts in minor units."""

    method: str
    currency: str
    count: int
    taken_minor: int
    returned_minor: int

    @property
    def net_minor(self) -> int:
        return self.taken_minor - self.returned_minor


@dataclass(frozen=True)
class Movement:
    at: datetime
    method: str
    reference: str
    taken_minor: int
    returned_minor: int
    currency: str
    receipt: str


def takings(day: date) -> list[Taking]:
    """Return a row per method and currency, then a total per currency with the method "all"."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT coalesce(method, 'all'), currency, count(*), sum(taken)::bigint, sum(returned)::bigint
                FROM ({MOVEMENTS}) AS m GROUP BY GROUPING SETS ((method, currency), (currency))
                ORDER BY method NULLS LAST, currency""",  # noqa: S608 - a constant
            _day_bounds(day),
        )
        return [Taking(*row) for row in cursor.fetchall()]


def movements(day: date) -> list[Movement]:
    """Return each movement of the day, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT m.at, m.method, b.reference, m.taken, m.returned, m.currency, m.receipt
                FROM ({MOVEMENTS}) AS m JOIN bookings_booking b ON b.id = m.booking_id ORDER BY m.at""",  # noqa: S608
            _day_bounds(day),
        )
        return [Movement(*row) for row in cursor.fetchall()]


def _day_bounds(day: date) -> dict[str, datetime]:
    zone = timezone.get_default_timezone()
    start, end = (datetime.combine(date_, time.min, tzinfo=zone) for date_ in (day, day + timedelta(days=1)))
    return {"start": start, "end": end}
