"""The Razorpay calls that Daybook makes.

Each ends in a result or raises whether it took effect: GatewayRejected (no), GatewayNotSent (no, retry later) or
GatewayOutcomeUnknown (ask the gateway before retrying).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from payments.gateway.client import RazorpayClient
from payments.gateway.deadline import Result, call_within_deadline, call_without_deadline, get_client
from payments.gateway.entities import GatewayOrder, GatewayPayment, GatewayRefund, read_order, read_payment, read_refund
from payments.gateway.errors import GatewayOutcomeUnknown, UnreadableEntity

PAGE = 100  # the most that a list answers at once


# --- while a customer waits ---


def create_order(*, amount_minor: int, currency: str, receipt: str, notes: dict[str, str]) -> GatewayOrder:
    """Ask Razorpay for an order, within 0.4 s. Raises Rejected, NotSent or OutcomeUnknown.

    Razorpay captures a payment by itself once it is authorised; money authorised later than 12 minutes goes back.
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
    return call_within_deadline(lambda: _read(read_order, get_client().order.create(body)))


def find_order(receipt: str, *, in_time: bool = True) -> GatewayOrder | None:
    """Return the order that was made with ``receipt``. Raises Rejected, NotSent or OutcomeUnknown.

    ``in_time``: within 0.4 s, for somebody who waits.
    """

    def ask(client: RazorpayClient) -> GatewayOrder | None:
        found = [_read(read_order, item) for item in _items(client.order.all({"receipt": receipt, "count": PAGE}))]
        return next((order for order in found if order.receipt == receipt), None)

    return call_within_deadline(lambda: ask(get_client())) if in_time else call_without_deadline(ask)


# --- while nobody waits; from any thread, and each raises Rejected, NotSent or OutcomeUnknown ---


def fetch_order(order_id: str) -> GatewayOrder:
    return call_without_deadline(lambda client: _read(read_order, client.order.fetch(order_id)))


def list_order_payments(order_id: str) -> list[GatewayPayment]:
    return call_without_deadline(
        lambda client: [_read(read_payment, item) for item in _items(client.order.payments(order_id))]
    )


def fetch_payment(payment_id: str) -> GatewayPayment:
    return call_without_deadline(lambda client: _read(read_payment, client.payment.fetch(payment_id)))


def capture_payment(payment_id: str, *, amount_minor: int, currency: str) -> GatewayPayment:
    """Take an authorised payment's money. A second call is Rejected: fetch the payment to see what became of it."""
    body = {"amount": amount_minor, "currency": currency}  # the SDK writes into its shared default otherwise
    return call_without_deadline(
        lambda client: _read(read_payment, client.payment.capture(payment_id, amount_minor, body))
    )


def create_refund(payment_id: str, *, amount_minor: int, key: str) -> GatewayRefund:
    """Pay back. The same ``key`` is the same refund, however often it is asked for; its body never changes."""
    body = {"amount": amount_minor, "speed": "normal", "receipt": key}
    headers = {"X-Refund-Idempotency": key}
    return call_without_deadline(
        lambda client: _read(read_refund, client.payment.refund(payment_id, body, headers=headers))
    )


def fetch_refund(refund_id: str) -> GatewayRefund:
    return call_without_deadline(lambda client: _read(read_refund, client.refund.fetch(refund_id)))


def list_payment_refunds(payment_id: str) -> list[GatewayRefund]:
    return call_without_deadline(
        lambda client: [
            _read(read_refund, item)
            for item in _items(client.payment.fetch_multiple_refund(payment_id, {"count": PAGE}))
        ]
    )


def list_payments(since: datetime, until: datetime) -> Iterator[GatewayPayment]:
    """Yield every payment that was begun between the two, newest first, asking page by page."""
    for item in _pages(
        lambda query: call_without_deadline(lambda client: _items(client.payment.all(query))), since, until
    ):
        yield _read(read_payment, item)


def list_refunds(since: datetime, until: datetime) -> Iterator[GatewayRefund]:
    """Yield every refund that was made between the two, newest first, asking page by page."""
    for item in _pages(
        lambda query: call_without_deadline(lambda client: _items(client.refund.all(query))), since, until
    ):
        yield _read(read_refund, item)


def _pages(
    ask: Callable[[dict[str, int]], list[dict[str, Any]]], since: datetime, until: datetime
) -> Iterator[dict[str, Any]]:
    skip = 0
    while True:
        span = {"from": int(since.timestamp()), "to": int(until.timestamp())}
        items = ask({**span, "count": PAGE, "skip": skip})
        yield from items
        if len(items) < PAGE:
            return
        skip += PAGE


def _items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    items = answer.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise GatewayOutcomeUnknown("Razorpay's list has an unknown form.")
    return items


def _read(read: Callable[[dict[str, Any]], Result], entity: dict[str, Any]) -> Result:
    try:
        return read(entity)
    except UnreadableEntity as error:
        raise GatewayOutcomeUnknown(f"Razorpay's answer cannot be read: {error}") from error
