"""The Razorpay calls that Daybook makes.

Each returns a result, or raises an error that says whether the call took effect: GatewayRejected (no), GatewayNotSent
(no, retry later) or GatewayOutcomeUnknown (look it up before retrying). Amounts are in minor units. All but
``create_order`` and ``find_order`` are for background work. All may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

from payments.gateway.client import RazorpayClient
from payments.gateway.deadline import Result, call_within_deadline, call_without_deadline
from payments.gateway.entities import (
    GatewayDispute,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    read_dispute,
    read_order,
    read_payment,
    read_refund,
)
from payments.gateway.errors import GatewayOutcomeUnknown, UnreadableEntity

PAGE_SIZE = 100  # the maximum that Razorpay allows


def create_order(*, amount_minor: int, currency: str, receipt: str, notes: dict[str, str]) -> GatewayOrder:
    """Create an order, within the deadline for a waiting customer.

    Razorpay captures a payment automatically if it is authorised within 12 minutes, and returns it to the customer
    unless it is captured within five days (razorpay.com/docs, Payment Capture Settings).
    """
    body = {
        "amount": amount_minor,
        "currency": currency,
        "receipt": receipt,
        "notes": notes,
        "payment": {
            "capture": "automatic",
            "capture_options": {"automatic_expiry_period": 12, "manual_expiry_period": 7200, "refund_speed": "normal"},
        },
    }
    return call_within_deadline(lambda client: _read(read_order, client.order.create(body)))


def find_order(receipt: str, *, has_deadline: bool = True) -> GatewayOrder | None:
    """Return the order with this receipt, if there is one. ``has_deadline``: a customer is waiting."""

    def find(client: RazorpayClient) -> GatewayOrder | None:
        items = _items(client.order.all({"receipt": receipt, "count": PAGE_SIZE}))
        orders = [_read(read_order, item) for item in items]
        return next((order for order in orders if order.receipt == receipt), None)

    return call_within_deadline(find) if has_deadline else call_without_deadline(find)


def fetch_order(order_id: str) -> GatewayOrder:
    return call_without_deadline(lambda client: _read(read_order, client.order.fetch(order_id)))


def list_order_payments(order_id: str) -> list[GatewayPayment]:
    return call_without_deadline(
        lambda client: [_read(read_payment, item) for item in _items(client.order.payments(order_id))]
    )


def fetch_payment(payment_id: str) -> GatewayPayment:
    return call_without_deadline(lambda client: _read(read_payment, client.payment.fetch(payment_id)))


def capture_payment(payment_id: str, *, amount_minor: int, currency: str) -> GatewayPayment:
    """Capture an authorised payment. A second call is rejected: fetch the payment to see its state."""
    body = {"amount": amount_minor, "currency": currency}  # without it, the SDK modifies its shared default argument
    return call_without_deadline(
        lambda client: _read(read_payment, client.payment.capture(payment_id, amount_minor, body))
    )


def create_refund(payment_id: str, *, amount_minor: int, key: str) -> GatewayRefund:
    """Refund ``amount_minor`` of a payment. ``key`` is the idempotency key and the receipt.

    A retry must send the same body.
    """
    body = {"amount": amount_minor, "speed": "normal", "receipt": key}
    headers = {"X-Refund-Idempotency": key}
    return call_without_deadline(
        lambda client: _read(read_refund, client.payment.refund(payment_id, body, headers=headers))
    )


def fetch_refund(refund_id: str) -> GatewayRefund:
    return call_without_deadline(lambda client: _read(read_refund, client.refund.fetch(refund_id)))


def list_payment_refunds(payment_id: str) -> list[GatewayRefund]:
    query = {"count": PAGE_SIZE}
    return call_without_deadline(
        lambda client: [
            _read(read_refund, item) for item in _items(client.payment.fetch_multiple_refund(payment_id, query))
        ]
    )


def list_payments(since: datetime, until: datetime) -> Iterator[GatewayPayment]:
    """Yield every payment created between ``since`` and ``until``, newest first, page by page."""
    for item in _pages(lambda client, query: client.payment.all(query), since, until):
        yield _read(read_payment, item)


def list_refunds(since: datetime, until: datetime) -> Iterator[GatewayRefund]:
    """Yield every refund created between ``since`` and ``until``, newest first, page by page."""
    for item in _pages(lambda client, query: client.refund.all(query), since, until):
        yield _read(read_refund, item)


def list_disputes(since: datetime, until: datetime) -> Iterator[GatewayDispute]:
    """Yield every dispute opened between ``since`` and ``until``, newest first, page by page."""
    for item in _pages(lambda client, query: client.dispute.all(query), since, until):
        yield _read(read_dispute, item)


def fetch_dispute(dispute_id: str) -> GatewayDispute:
    return call_without_deadline(lambda client: _read(read_dispute, client.dispute.fetch(dispute_id)))


def _pages(fetch: Callable[..., dict[str, Any]], since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    query = {"from": int(since.timestamp()), "to": int(until.timestamp()), "count": PAGE_SIZE}
    for skip in count(0, PAGE_SIZE):
        response = call_without_deadline(partial(fetch, query={**query, "skip": skip}))
        items = _items(response)
        yield from items
        if len(items) < PAGE_SIZE:
            return


def _items(response: dict[str, Any]) -> list[dict[str, Any]]:
    items = response.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise GatewayOutcomeUnknown("Razorpay's list has an unexpected format.")
    return items


def _read(read: Callable[[dict[str, Any]], Result], entity: dict[str, Any]) -> Result:
    try:
        return read(entity)
    except UnreadableEntity as error:
        raise GatewayOutcomeUnknown(f"Razorpay's response is unreadable: {error}") from error
