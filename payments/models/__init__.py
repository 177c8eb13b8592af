"""Money for a booking: what is asked for, what was paid, what went back, and what the gateway told us of it."""

from payments.models.desk import DeskPayment
from payments.models.inbox import GatewayEvent
from payments.models.log import Finding, PaymentLog, Sweep
from payments.models.order import PaymentOrder, new_receipt
from payments.models.payment import Payment
from payments.models.refund import Refund

__all__ = [
    "DeskPayment",
    "Finding",
    "GatewayEvent",
    "Payment",
    "PaymentLog",
    "PaymentOrder",
    "Refund",
    "Sweep",
    "new_receipt",
]
