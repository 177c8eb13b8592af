"""The personal data in the models of payments. Amounts, dates and references are the accounts: they stay."""

from __future__ import annotations

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from bookings.models import Customer
from foundation.personal_data import Declaration, Retention
from payments.gateway.webhook_body import unpack_unreadable
from payments.models import (
    DeskPayment,
    Discrepancy,
    Dispute,
    GatewayEvent,
    Payment,
    PaymentLog,
    PaymentOrder,
    Refund,
)


def orders_of(customer: Customer) -> QuerySet[PaymentOrder]:
    return PaymentOrder.objects.filter(booking__customer=customer.pk)


def payments_of(customer: Customer) -> QuerySet[Payment]:
    return Payment.objects.filter(booking__customer=customer.pk)


def refunds_of(customer: Customer) -> QuerySet[Refund]:
    return Refund.objects.filter(payment__booking__customer=customer.pk)


def disputes_of(customer: Customer) -> QuerySet[Dispute]:
    return Dispute.objects.filter(payment__booking__customer=customer.pk)


def desk_payments_of(customer: Customer) -> QuerySet[DeskPayment]:
    return DeskPayment.objects.filter(booking__customer=customer.pk)


def log_of(customer: Customer) -> QuerySet[PaymentLog]:
    return PaymentLog.objects.filter(order__booking__customer=customer.pk)


def discrepancies_of(customer: Customer) -> QuerySet[Discrepancy]:
    payments = payments_of(customer).values("razorpay_payment_id")
    disputes = disputes_of(customer).values("razorpay_dispute_id")
    return Discrepancy.objects.filter(Q(gateway_id__in=payments) | Q(gateway_id__in=disputes))


def gateway_events_of(customer: Customer) -> QuerySet[GatewayEvent]:
    """Return the gateway events that name an order or a payment of the customer, wherever in their body."""
    order_ids = orders_of(customer).values_list("razorpay_order_id", flat=True)
    payment_ids = payments_of(customer).values_list("razorpay_payment_id", flat=True)
    gateway_ids = [gateway_id for gateway_id in (*order_ids, *payment_ids) if gateway_id]
    names_an_id = Q(pk__in=_unreadable_events_naming(gateway_ids))
    for gateway_id in gateway_ids:
        names_an_id |= Q(body_text__contains=f'"{gateway_id}"')
    return GatewayEvent.objects.alias(body_text=Cast("body", TextField())).filter(names_an_id)


def _unreadable_events_naming(gateway_ids: list[str]) -> list[int]:
    """Return the keys of the unreadable events whose bytes contain one of the ids."""
    unreadable = GatewayEvent.objects.filter(kind=GatewayEvent.UNREADABLE, body__isnull=False)
    texts = [gateway_id.encode() for gateway_id in gateway_ids]
    return [event.pk for event in unreadable if any(text in unpack_unreadable(event.body) for text in texts)]


PERSONAL_DATA = [
    Declaration(
        PaymentOrder,
        title="payment orders",
        rows=orders_of,
        accounts=["booking", "amount_minor", "currency", "receipt", "razorpay_order_id", "state", "created_at"],
        blanked=["last_error"],
        other=["id", "key_id", "is_extended", "next_check_at", "updated_at"],
    ),
    Declaration(
        Payment,
        title="payments",
        rows=payments_of,
        accounts=[
            "razorpay_payment_id",
            "booking",
            "amount_minor",
            "customer_fee_minor",
            "currency",
            "state",
            "method",
            "captured_at",
            "paid_at",
            "created_at",
        ],
        blanked=["error", "review_reason"],
        other=["id", "order", "disposition", "reviewed_at", "signature_verified_at"],
    ),
    Declaration(
        Refund,
        title="refunds",
        rows=refunds_of,
        accounts=[
            "payment",
            "amount_minor",
            "currency",
            "state",
            "source",
            "razorpay_refund_id",
            "created_at",
            "processed_at",
            "failed_at",
            "refunded_at",
        ],
        masked=["reason"],
        blanked=["last_error"],
        other=["id", "requested_by", "attempts", "next_try_at"],
    ),
    Declaration(
        Dispute,
        title="disputes",
        rows=disputes_of,
        accounts=[
            "razorpay_dispute_id",
            "payment",
            "amount_minor",
            "currency",
            "phase",
            "state",
            "deducted_minor",
            "respond_by",
            "opened_at",
            "decided_at",
        ],
        blanked=["reason"],
        other=["id", "reported_at", "created_at"],
    ),
    Declaration(
        DeskPayment,
        title="desk payments",
        rows=desk_payments_of,
        accounts=["booking", "kind", "method", "amount_minor", "currency", "taken_at", "voided_at"],
        masked=["note"],
        other=["id", "taken_by", "voided_by"],
    ),
    Declaration(
        PaymentLog,
        title="changes of payments",
        rows=log_of,
        accounts=["payment", "refund", "moved_from", "moved_to", "at"],
        masked=["note"],
        other=["id", "order", "source"],
    ),
    Declaration(
        Discrepancy,
        title="discrepancies",
        rows=discrepancies_of,
        accounts=["gateway_id", "amount_minor", "currency", "found_at", "closed_at"],
        masked=["cause", "resolution"],
        other=["id", "closed_by"],
    ),
    Declaration(
        GatewayEvent,
        title="reports of the payment gateway",
        rows=gateway_events_of,
        retention=Retention(
            "RETENTION_GATEWAY_EVENTS_DAYS", since="received_at", blanks=["body"], condition=Q(body__isnull=False)
        ),
        accounts=["kind", "received_at"],
        blanked=["body", "error"],
        other=["id", "event_id", "state", "attempts", "next_try_at"],
    ),
]
