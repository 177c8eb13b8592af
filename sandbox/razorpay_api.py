"""Razorpay's orders, payments and refunds (razorpay.com/docs/api)."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from aiohttp import web

from sandbox.razorpay_payments import capture_payment, new_id, refund_payment
from sandbox.state import Entry, State, has_basic_auth, razorpay_error

BAD_REQUEST = "BAD_REQUEST_ERROR"
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{10,}")


def add_routes(app: web.Application, state: State) -> None:
    api = RazorpayApi(state)
    app.router.add_post("/v1/orders", api.guarded(api.create_order))
    app.router.add_get("/v1/orders", api.guarded(api.list_orders))
    app.router.add_get("/v1/orders/{id}", api.guarded(api.fetch_order))
    app.router.add_get("/v1/orders/{id}/payments", api.guarded(api.list_order_payments))
    app.router.add_get("/v1/payments", api.guarded(api.list_payments))
    app.router.add_get("/v1/payments/{id}", api.guarded(api.fetch_payment))
    app.router.add_post("/v1/payments/{id}/capture", api.guarded(api.capture))
    app.router.add_post("/v1/payments/{id}/refund", api.guarded(api.refund))
    app.router.add_get("/v1/payments/{id}/refunds", api.guarded(api.list_payment_refunds))
    app.router.add_get("/v1/refunds", api.guarded(api.list_refunds))
    app.router.add_get("/v1/refunds/{id}", api.guarded(api.fetch_refund))


class RazorpayApi:
    def __init__(self, state: State) -> None:
        self.state = state

    def guarded(self, handler: Any) -> Any:
        """Wrap a handler with what all calls share: authentication, response time, and faults before and after it."""

        async def handle(request: web.Request) -> web.StreamResponse:
            credentials = self.state.credentials
            if not has_basic_auth(request, credentials.razorpay_key_id, credentials.razorpay_key_secret):
                return razorpay_error(401, BAD_REQUEST, "Authentication failed")
            await asyncio.sleep(self.state.random_duration("gateway"))
            if fault := await self.state.fault_before(request, "gateway_"):
                return fault
            response: web.StreamResponse = await handler(request)
            return await self.state.fault_after(request, "gateway_") or response

        return handle

    async def create_order(self, request: web.Request) -> web.Response:
        body = await request.json()
        # As documented since 2026, ``unique_receipt`` returns the existing order when a creation is repeated.
        if body.get("unique_receipt") and (existing := self._order_with_receipt(body.get("receipt"))):
            return web.json_response(existing)
        if refusal := self._order_refusal(body):
            return refusal
        order = {
            "id": new_id(self.state, "order"),
            "entity": "order",
            "amount": body["amount"],
            "amount_paid": 0,
            "amount_due": body["amount"],
            "currency": body["currency"],
            "receipt": body.get("receipt"),
            "offer_id": None,
            "status": "created",
            "attempts": 0,
            "notes": body.get("notes") or [],
            "created_at": int(time.time()),
        }
        self.state.orders[order["id"]] = order
        self.state.log.write("order.created", order_id=order["id"], amount=order["amount"], receipt=order["receipt"])
        return web.json_response(order)

    def _order_refusal(self, body: Entry) -> web.Response | None:
        amount, receipt = body.get("amount"), body.get("receipt")
        if not isinstance(amount, int):
            return razorpay_error(400, BAD_REQUEST, "The amount must be an integer.", "amount")
        if amount < 100:
            return razorpay_error(400, BAD_REQUEST, "Order amount less than minimum amount allowed", "amount")
        if not isinstance(body.get("currency"), str) or len(body["currency"]) != 3:
            return razorpay_error(400, BAD_REQUEST, "The currency is invalid", "currency")
        if receipt is not None and len(receipt) > 40:
            return razorpay_error(400, BAD_REQUEST, "The receipt may not be greater than 40 characters.", "receipt")
        if self.state.settings.unique_receipts and self._order_with_receipt(receipt):
            return razorpay_error(400, BAD_REQUEST, "Order receipt should be unique.", "receipt")
        return None

    def _order_with_receipt(self, receipt: str | None) -> Entry | None:
        return next((o for o in self.state.orders.values() if receipt and o["receipt"] == receipt), None)

    async def list_orders(self, request: web.Request) -> web.Response:
        receipt = request.query.get("receipt")
        return collection_response(request, [o for o in self.state.orders.values() if receipt in (None, o["receipt"])])

    async def fetch_order(self, request: web.Request) -> web.Response:
        return entity_response(self.state.orders, request)

    async def list_order_payments(self, request: web.Request) -> web.Response:
        order_id = request.match_info["id"]
        return collection_response(request, [p for p in self.state.payments.values() if p["order_id"] == order_id])

    async def list_payments(self, request: web.Request) -> web.Response:
        return collection_response(request, list(self.state.payments.values()))

    async def fetch_payment(self, request: web.Request) -> web.Response:
        return entity_response(self.state.payments, request)

    async def capture(self, request: web.Request) -> web.Response:
        payment = self.state.payments.get(request.match_info["id"])
        body = await request.json()
        if payment is None:
            return razorpay_error(400, BAD_REQUEST, "The id provided does not exist")
        if payment["status"] != "authorized":
            return razorpay_error(400, BAD_REQUEST, "This payment has already been captured")
        if body.get("amount") != payment["amount"]:
            return razorpay_error(400, BAD_REQUEST, "Capture amount must be equal to the amount authorized", "amount")
        capture_payment(self.state, payment)
        return web.json_response(payment)

    async def refund(self, request: web.Request) -> web.Response:
        payment = self.state.payments.get(request.match_info["id"])
        raw_body, key = await request.read(), request.headers.get("X-Refund-Idempotency")
        if payment is None:
            return razorpay_error(400, BAD_REQUEST, "The id provided does not exist")
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            return razorpay_error(400, BAD_REQUEST, "The idempotency key is invalid")
        if key in self.state.refund_by_key:
            first_body, refund_id = self.state.refund_by_key[key]
            if first_body != raw_body:
                return razorpay_error(409, BAD_REQUEST, "Different request body with the same idempotency key")
            return web.json_response(self.state.refunds[refund_id])
        try:
            refund = refund_payment(self.state, payment, await request.json() if raw_body else {})
        except ValueError as refusal:
            return razorpay_error(400, BAD_REQUEST, str(refusal))
        if key is not None:
            self.state.refund_by_key[key] = raw_body, refund["id"]
        return web.json_response(refund)

    async def list_refunds(self, request: web.Request) -> web.Response:
        return collection_response(request, list(self.state.refunds.values()))

    async def list_payment_refunds(self, request: web.Request) -> web.Response:
        payment_id = request.match_info["id"]
        return collection_response(request, [r for r in self.state.refunds.values() if r["payment_id"] == payment_id])

    async def fetch_refund(self, request: web.Request) -> web.Response:
        return entity_response(self.state.refunds, request)


def entity_response(entities: dict[str, Entry], request: web.Request) -> web.Response:
    entity = entities.get(request.match_info["id"])
    if entity is None:
        return razorpay_error(400, BAD_REQUEST, "The id provided does not exist")
    return web.json_response(entity)


def collection_response(request: web.Request, entities: list[Entry]) -> web.Response:
    """Return one page of a list, newest first; ``from`` and ``to`` are Unix timestamps, both inclusive."""
    query = {name: int(request.query[name]) for name in ("from", "to", "count", "skip") if name in request.query}
    since, until = query.get("from", 0), query.get("to", 2**62)
    matching = [entity for entity in reversed(entities) if since <= entity["created_at"] <= until]
    skip = query.get("skip", 0)
    items = matching[skip : skip + min(query.get("count", 10), 100)]
    return web.json_response({"entity": "collection", "count": len(items), "items": items})
