"""Process the stored gateway events, which may be repeated, late and out of order."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from foundation.clock import database_now
from foundation.due_rows import claim_due_rows, process_rows
from foundation.outcomes import CallFailed
from payments.exceptions import PaymentMismatch
from payments.gateway import api as gateway
from payments.gateway.entities import (
    ORDER_ID,
    GatewayOrder,
    GatewayPayment,
    read_dispute,
    read_event_time,
    read_payment,
    read_refund,
)
from payments.gateway.errors import UnreadableEntity
from payments.gateway.webhook_body import read_event, unpack_unreadable
from payments.models import GatewayEvent, Payment, PaymentLog, PaymentOrder
from payments.operations.checkout import adopt_order
from payments.operations.disputes import record_dispute
from payments.operations.settle import settle_payment, settle_refund

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 8  # at an event for an unknown order or payment, over about twelve hours

State = GatewayEvent.State


class UnmatchedEvent(Exception):
    """The event belongs to an unknown order or payment."""


def process_events() -> int:
    """Process the events that are due; return how many."""
    events = claim_due_rows(GatewayEvent.objects.all(), "next_try_at")
    return process_rows(events, call=_unknown_order_fetcher(events), apply=_process, on_failure=_process_without_order)


def _unknown_order_fetcher(events: list[GatewayEvent]) -> Callable[[GatewayEvent], GatewayOrder | None]:
    """Return a function that fetches an event's order if its id is unknown, to match it by its receipt.

    A webhook may arrive before the response that contains the id of the new order.
    """
    order_ids = {event.pk: _order_id(event) for event in events}
    known_ids = set(
        PaymentOrder.objects.filter(razorpay_order_id__in=order_ids.values()).values_list(
            "razorpay_order_id", flat=True
        )
    )

    def fetch(event: GatewayEvent) -> GatewayOrder | None:
        order_id = order_ids[event.pk]
        return gateway.fetch_order(order_id) if order_id and order_id not in known_ids else None

    return fetch


def _process_without_order(event: GatewayEvent, error: CallFailed) -> None:
    _process(event, None, lookup_error=str(error))


def _process(event: GatewayEvent, fetched_order: GatewayOrder | None, *, lookup_error: str = "") -> None:
    event.attempts += 1
    try:
        if fetched_order is not None:
            _adopt_by_receipt(fetched_order)
        event.state, event.error = _settle(event), ""
    except UnmatchedEvent as reason:
        event.state, event.error = State.UNMATCHED, (lookup_error or str(reason))[:250]
    except (UnreadableEntity, PaymentMismatch) as reason:
        log.error("Ignoring gateway event %s: %s", event.event_id, reason)
        event.state, event.error = State.IGNORED, str(reason)[:250]
    is_retried = event.state == State.UNMATCHED and event.attempts < MAX_ATTEMPTS
    event.next_try_at = database_now() + timedelta(seconds=2 * 4**event.attempts) if is_retried else None
    event.save(update_fields=["state", "error", "attempts", "next_try_at"])


def _adopt_by_receipt(gateway_order: GatewayOrder) -> None:
    order = PaymentOrder.objects.select_related("booking").filter(receipt=gateway_order.receipt).first()
    if order is not None:
        adopt_order(order, gateway_order)


def _settle(event: GatewayEvent) -> GatewayEvent.State:
    """Settle what the event reports. Raises UnmatchedEvent, UnreadableEntity or PaymentMismatch."""
    if event.kind == GatewayEvent.UNREADABLE:  # a newer version may be able to read it
        event.body = read_event(unpack_unreadable(event.body))
        event.kind = event.body["event"][:60]
    source = f"{PaymentLog.Source.WEBHOOK.value} {event.kind}"
    if event.kind.startswith("payment.dispute."):
        _record_dispute(event, source=source)
        return State.DONE
    payment, refund = _entity(event, "payment"), _entity(event, "refund")
    if payment is None or not (event.kind.startswith(("payment.", "refund.")) or event.kind == "order.paid"):
        return State.IGNORED
    row = _settle_payment(read_payment(payment), source=source)
    if refund is not None:
        settle_refund(payment_pk=row.pk, gateway_refund=read_refund(refund), source=source)
    return State.DONE


def _settle_payment(gateway_payment: GatewayPayment, *, source: str) -> Payment:
    order = PaymentOrder.objects.find_by_razorpay_id(gateway_payment.order_id)
    if order is None:
        raise UnmatchedEvent(f"Unknown order {gateway_payment.order_id or '(no order id)'}.")
    return settle_payment(order_id=order.pk, gateway_payment=gateway_payment, source=source)


def _record_dispute(event: GatewayEvent, *, source: str) -> None:
    gateway_dispute = read_dispute(_entity(event, "dispute") or {})
    payment = Payment.objects.filter(razorpay_payment_id=gateway_dispute.payment_id).first()
    if payment is None:
        # Its order, if it is ours, may not have been polled since the customer paid.
        PaymentOrder.objects.filter(razorpay_order_id=_order_id(event) or None).update(next_check_at=database_now())
        raise UnmatchedEvent(f"Unknown payment {gateway_dispute.payment_id}.")
    reported_at = read_event_time(event.body) or event.received_at
    record_dispute(payment_pk=payment.pk, gateway_dispute=gateway_dispute, reported_at=reported_at, source=source)


def _order_id(event: GatewayEvent) -> str:
    order_id = (_entity(event, "payment") or {}).get("order_id")
    return order_id if isinstance(order_id, str) and ORDER_ID.fullmatch(order_id) else ""


def _entity(event: GatewayEvent, name: str) -> dict[str, Any] | None:
    body: Any = event.body
    try:
        entity = body["payload"][name]["entity"]
    except (KeyError, TypeError):
        return None
    return entity if isinstance(entity, dict) else None
