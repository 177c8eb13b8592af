"""The models of payments: orders, payments, refunds, disputes, desk payments, and what the gateway reported."""

from payments.models.defaults import new_receipt
from payments.models.desk_payment import DeskPayment
from payments.models.discrepancy import Discrepancy
from payments.models.dispute import Dispute
from payments.models.gateway_event import GatewayEvent
from payments.models.payment import Payment
from payments.models.payment_log import PaymentLog
from payments.models.payment_order import PaymentOrder
from payments.models.refund import Refund

__all__ = [
    "DeskPayment",
    "Discrepancy",
    "Dispute",
    "GatewayEvent",
    "Payment",
    "PaymentLog",
    "PaymentOrder",
    "Refund",
    "new_receipt",
]
