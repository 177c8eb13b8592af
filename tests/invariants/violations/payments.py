"""Statements that violate the invariants of payments."""

from tests.invariants.journeys import bookings, payments, refunds
from tests.invariants.violations.statements import LONG_AGO, OVERDUE, Violation, update

ORDER = "payments_paymentorder"
PAYMENT = "payments_payment"
REFUND = "payments_refund"
DISPUTE = "payments_dispute"
GATEWAY_EVENT = "payments_gatewayevent"

VIOLATIONS = {
    "A payment that confirms a booking has the amount of its order, unless staff accepted it": [
        Violation(payments.paid, update(PAYMENT, "amount_minor = 51000")),
        Violation(payments.paid, update(PAYMENT, "currency = 'USD'")),
        Violation(payments.paid, update(PAYMENT, "customer_fee_minor = 1")),
    ],
    "A payment that counts towards a booking belongs to one that stands": [
        Violation(
            payments.paid_and_cancelled_by_the_customer,
            update(PAYMENT, "disposition = 'confirms', captured_at = now(), amount_minor = 50000"),
        ),
    ],
    "Captured money pays for a booking, is refunded, or needs review": [
        Violation(
            payments.paid_and_cancelled_by_the_customer,
            update(PAYMENT, f"disposition = 'none', captured_at = {LONG_AGO}"),
        ),
        Violation(
            payments.paid_and_cancelled_by_the_customer,
            update(PAYMENT, f"amount_minor = amount_minor + 1, captured_at = {LONG_AGO}"),
        ),
        Violation(
            payments.paid_with_the_gateways_fee,
            update(PAYMENT, f"customer_fee_minor = customer_fee_minor - 1, captured_at = {LONG_AGO}"),
        ),
        Violation(
            refunds.lost_and_cancelled,
            update(DISPUTE, "deducted_minor = deducted_minor - 1"),
        ),
    ],
    "Refunds never exceed their payment": [
        Violation(refunds.refunded_by_staff, update(REFUND, "amount_minor = amount_minor + 50000")),
    ],
    "A dispute has the currency of its payment": [
        Violation(refunds.disputed_and_lost, update(DISPUTE, "currency = 'USD'")),
    ],
    "A payment with an open dispute is refunded only by staff, with a reason": [
        Violation(refunds.disputed_while_refunded, update(REFUND, "source = 'cancelled'")),
        Violation(refunds.disputed_while_refunded, update(REFUND, "reason = ''")),
        Violation(
            refunds.disputed_refunded_and_won,
            update(DISPUTE, "decided_at = now() + interval '1 minute'"),
        ),
    ],
    "A booking that is paid online is active only with a payment": [
        Violation(payments.paid, update(PAYMENT, "disposition = 'none', captured_at = now()")),
        Violation(payments.paid_and_missed, update(PAYMENT, "disposition = 'none', captured_at = now()")),
        Violation(payments.paid, update(PAYMENT, "disposition = 'refund_due', captured_at = now()")),
    ],
    "A payment that confirms a booking is captured within an hour": [
        Violation(
            payments.paid,
            update(PAYMENT, f"captured_at = NULL, state = 'authorized', signature_verified_at = {LONG_AGO}"),
        ),
    ],
    "Gateway events are processed within five minutes of being due": [
        Violation(
            bookings.requested,
            f"""INSERT INTO {GATEWAY_EVENT} (event_id, kind, state, attempts, next_try_at, error)
                VALUES ('evt_1', 'payment.captured', 'received', 0, {OVERDUE}, '')""",
        ),
    ],
    "Orders and refunds are polled within five minutes of being due": [
        Violation(payments.hold_pending, update(ORDER, f"next_check_at = {OVERDUE}")),
        Violation(refunds.refunded_by_staff, update(REFUND, f"next_try_at = {OVERDUE}")),
    ],
}
