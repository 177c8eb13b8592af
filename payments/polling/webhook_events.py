"""Acts on the webhooks that have come in. They come doubled, late and in any order; each says what is true by now."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.utils import timezone

from foundation.due_rows import claim_due_rows, process_rows
from foundation.outcomes import CallFailed
from payments.exceptions import PaymentMismatch
from payments.gateway import api as gateway
from payments.gateway.entities import ORDER_ID, GatewayOrder, GatewayPayment, read_payment, read_refund
from payments.gateway.errors import UnreadableEntity
from payments.models import GatewayEvent, Payment, PaymentOrder
from payments.operations.checkout import adopt_order
from payments.operations.settle import settle_payment, settle_refund

log = logging.getLogger(__name__)

PATIENCE = 8  # looks at an event of an order that we do not know, over about four hours
KEPT_FOR = timedelta(days=90)

State = GatewayEvent.State


class Unmatched(Exception):
    """The event is of no order of ours, as far as we know."""


def process_events() -> int:
    """Act on the events that are due; return how many."""
    events = claim_due_rows(GatewayEvent.objects.all(), "next_try_at")
    return process_rows(events, call=_ask_about_stranger(events), apply=_process, on_failure=_process_without_order)


def purge_event_bodies() -> int:
    """Remove the bodies that have been kept for 90 days; return how many. They hold personal data."""
    old = GatewayEvent.objects.filter(received_at__lt=timezone.now() - KEPT_FOR, body__isnull=False)
    return old.update(body=None)


def _ask_about_stranger(events: list[GatewayEvent]) -> Any:
    """Return what asks the gateway for an event's order where we do not know its id: its receipt may be ours.

    A webhook overtakes the answer that brings the id of its order.
    """
    ids = {event.pk: _order_id(event) for event in events}
    known = set(
        PaymentOrder.objects.filter(razorpay_order_id__in=ids.values()).values_list("razorpay_order_id", flat=True)
    )

    def ask(event: GatewayEvent) -> GatewayOrder | None:
        order_id = ids[event.pk]
        return gateway.fetch_order(order_id) if order_id and order_id not in known else None

    return ask


def _process_without_order(event: GatewayEvent, error: CallFailed) -> None:
    _process(event, None, lookup_error=str(error))


def _process(event: GatewayEvent, stranger: GatewayOrder | None, *, lookup_error: str = "") -> None:
    event.attempts += 1
    try:
        if stranger is not None:
            _adopt_stranger(stranger)
        event.state, event.error = _act_on(event), ""
    except Unmatched as reason:
        event.state, event.error = State.UNMATCHED, (lookup_error or str(reason))[:250]
    except (UnreadableEntity, PaymentMismatch) as reason:
        log.error("Event %s cannot be used: %s", event.event_id, reason)
        event.state, event.error = State.IGNORED, str(reason)[:250]
    is_open = event.state == State.UNMATCHED and event.attempts < PATIENCE
    event.next_try_at = timezone.now() + timedelta(seconds=2 * 4**event.attempts) if is_open else None
    event.save(update_fields=["state", "error", "attempts", "next_try_at"])


def _adopt_stranger(stranger: GatewayOrder) -> None:
    order = PaymentOrder.objects.select_related("booking").filter(receipt=stranger.receipt).first()
    if order is not None:
        adopt_order(order, stranger)


def _act_on(event: GatewayEvent) -> GatewayEvent.State:
    """Apply what the event says. Raises Unmatched, Unreadable or PaymentMismatch."""
    payment, refund = _entity(event, "payment"), _entity(event, "refund")
    if payment is None or not (event.kind.startswith(("payment.", "refund.")) or event.kind == "order.paid"):
        return State.IGNORED
    row = _apply_payment(read_payment(payment), source=f"webhook {event.kind}")
    if refund is not None and row.is_captured:  # money that was never ours goes back without being a refund of ours
        settle_refund(payment_pk=row.pk, facts=read_refund(refund), source=f"webhook {event.kind}")
    return State.DONE


def _apply_payment(facts: GatewayPayment, *, source: str) -> Payment:
    order = PaymentOrder.objects.find_by_razorpay_id(facts.order_id)
    if order is None:
        raise Unmatched(f"No order of ours is {facts.order_id or 'named'}.")
    return settle_payment(order_id=order.pk, facts=facts, source=source)


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
