"""Operations on payments. Each is one transaction; the gateway is called only between transactions."""

from payments.operations.checkout import Checkout, start_checkout
from payments.operations.desk import record_desk_payment, void_desk_payment
from payments.operations.reconciliation import ReconciliationAction, perform_reconciliation_action
from payments.operations.refund import refund_payment
from payments.operations.review import ReviewDecision, decide_review
from payments.operations.verify import verify_payment

__all__ = [
    "Checkout",
    "ReconciliationAction",
    "ReviewDecision",
    "decide_review",
    "perform_reconciliation_action",
    "record_desk_payment",
    "refund_payment",
    "start_checkout",
    "verify_payment",
    "void_desk_payment",
]
