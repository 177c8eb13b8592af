"""Simulate what banks do with disputes: open, review, ask for more, decide (razorpay.com/docs/api/disputes)."""

from __future__ import annotations

import time

from aiohttp import web

from sandbox.razorpay_api import RazorpayApi, collection_response, entity_response
from sandbox.razorpay_payments import new_id
from sandbox.razorpay_webhooks import publish
from sandbox.state import Entry, State

DAY = 86_400
STATUS_AFTER = {
    "under_review": "under_review",
    "action_required": "open",
    "won": "won",
    "lost": "lost",
    "closed": "closed",
}


def add_routes(app: web.Application, state: State) -> None:
    async def list_disputes(request: web.Request) -> web.Response:
        return collection_response(request, list(state.disputes.values()))

    async def fetch_dispute(request: web.Request) -> web.Response:
        return entity_response(state.disputes, request)

    api = RazorpayApi(state)
    app.router.add_get("/v1/disputes", api.guarded(list_disputes))
    app.router.add_get("/v1/disputes/{id}", api.guarded(fetch_dispute))


def open_dispute(state: State, payment: Entry, **options: object) -> Entry:
    """Dispute a captured payment. ``options`` may override ``amount``, ``phase``, ``reason_code`` or ``respond_by``.

    Raises ValueError if the payment is not captured.
    """
    if not payment["captured"]:
        raise ValueError("Only a captured payment can be disputed")
    now = int(time.time())
    dispute: Entry = {
        "id": new_id(state, "disp"),
        "entity": "dispute",
        "payment_id": payment["id"],
        "amount": payment["amount"],
        "currency": payment["currency"],
        "amount_deducted": 0,
        "reason_code": "goods_or_services_not_received",
        "respond_by": now + 7 * DAY,
        "status": "open",
        "phase": "chargeback",
        "created_at": now,
        **options,
    }
    state.disputes[dispute["id"]] = dispute
    state.log.write("dispute.created", dispute_id=dispute["id"], payment_id=payment["id"], amount=dispute["amount"])
    publish(state, "payment.dispute.created", payment=payment, dispute=dispute)
    return dispute


def change_dispute(state: State, dispute: Entry, *, event: str, **options: object) -> Entry:
    """Let the bank change a dispute: ``event`` is a key of STATUS_AFTER. A lost dispute deducts its amount.

    ``options`` may override fields, such as ``phase``. Raises ValueError for another event.
    """
    if event not in STATUS_AFTER:
        raise ValueError(f"Unknown event {event!r}. Known events: {', '.join(STATUS_AFTER)}.")
    deducted = dispute["amount"] if event == "lost" else 0
    dispute |= {"status": STATUS_AFTER[event], "amount_deducted": deducted, **options}
    payment = state.payments[dispute["payment_id"]]
    state.log.write(f"dispute.{event}", dispute_id=dispute["id"], payment_id=payment["id"], amount=dispute["amount"])
    publish(state, f"payment.dispute.{event}", payment=payment, dispute=dispute)
    return dispute
