"""Razorpay's orders, payments and refunds (razorpay.com/docs/api), and the part of its Checkout that pays."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import string
import time
from typing import Any

from aiohttp import web

from sandbox.razorpay_webhooks import send_webhook
from sandbox.world import Entry, World, basic_auth_is, razorpay_error

BAD = "BAD_REQUEST_ERROR"


def add_routes(app: web.Application, world: World) -> None:
    api = RazorpayApi(world)
    app.router.add_post("/v1/orders", api.guarded(api.create_order))
    app.router.add_get("/v1/orders", api.guarded(api.list_orders))
    app.router.add_get("/v1/orders/{id}", api.guarded(api.fetch_order))
    app.router.add_get("/v1/orders/{id}/payments", api.guarded(api.list_order_payments))
    app.router.add_get("/v1/payments", api.guarded(api.list_payments))
    app.router.add_get("/v1/payments/{id}", api.guarded(api.fetch_payment))
    app.router.add_post("/v1/payments/{id}/capture", api.guarded(api.capture))
    app.router.add_post("/v1/payments/{id}/refund", api.guarded(api.refund))
    app.router.add_get("/v1/payments/{id}/refunds", api.guarded(api.list_payment_refunds))
    app.router.add_get("/v1/refunds/{id}", api.guarded(api.fetch_refund))


class RazorpayApi:
    def __init__(self, world: World) -> None:
        self.world = world

    def guarded(self, handler: Any) -> Any:
        """Wrap a handler in what all calls share: authentication, the gateway's pace, faults around the effect."""

        async def handle(request: web.Request) -> web.StreamResponse:
            known = self.world.credentials
            if not basic_auth_is(request, known.razorpay_key_id, known.razorpay_key_secret):
                return razorpay_error(401, BAD, "Authentication failed")
            await asyncio.sleep(self.world.between("gateway"))
            if fault := await self.world.fault_before(request, "gateway_"):
                return fault
            answer: web.StreamResponse = await handler(request)
            return await self.world.fault_after(request, "gateway_") or answer

        return handle

    async def create_order(self, request: web.Request) -> web.Response:
        body = await request.json()
        if refusal := self._order_refusal(body):
            return refusal
        order = {
            "id": new_id(self.world, "order"), "entity": "order", "amount": body["amount"], "amount_paid": 0,
            "amount_due": body["amount"], "currency": body["currency"], "receipt": body.get("receipt"),
            "offer_id": None, "status": "created", "attempts": 0, "notes": body.get("notes") or [],
            "created_at": int(time.time()),
        }  # fmt: skip
        self.world.orders[order["id"]] = order
        self.world.log.write("order.created", order_id=order["id"], amount=order["amount"], receipt=order["receipt"])
        return web.json_response(order)

    def _order_refusal(self, body: Entry) -> web.Response | None:
        amount, receipt = body.get("amount"), body.get("receipt")
        if not isinstance(amount, int):
            return razorpay_error(400, BAD, "The amount must be an integer.", "amount")
        if amount < 100:
            return razorpay_error(400, BAD, "Order amount less than minimum amount allowed", "amount")
        if not isinstance(body.get("currency"), str) or len(body["currency"]) != 3:
            return razorpay_error(400, BAD, "The currency is invalid", "currency")
        if receipt is not None and len(receipt) > 40:
            return razorpay_error(400, BAD, "The receipt may not be greater than 40 characters.", "receipt")
        used = any(order["receipt"] == receipt for order in self.world.orders.values()) if receipt else False
        if used and self.world.settings.unique_receipts:
            return razorpay_error(400, BAD, "Order receipt should be unique.", "receipt")
        return None

    async def list_orders(self, request: web.Request) -> web.Response:
        receipt = request.query.get("receipt")
        return collection(request, [o for o in self.world.orders.values() if receipt in (None, o["receipt"])])

    async def fetch_order(self, request: web.Request) -> web.Response:
        return one(self.world.orders, request)

    async def list_order_payments(self, request: web.Request) -> web.Response:
        order_id = request.match_info["id"]
        return collection(request, [p for p in self.world.payments.values() if p["order_id"] == order_id])

    async def list_payments(self, request: web.Request) -> web.Response:
        return collection(request, list(self.world.payments.values()))

    async def fetch_payment(self, request: web.Request) -> web.Response:
        return one(self.world.payments, request)

    async def capture(self, request: web.Request) -> web.Response:
        payment = self.world.payments.get(request.match_info["id"])
        body = await request.json()
        if payment is None:
            return razorpay_error(400, BAD, "The id provided does not exist")
        if payment["status"] != "authorized":
            return razorpay_error(400, BAD, "This payment has already been captured")
        if body.get("amount") != payment["amount"]:
            return razorpay_error(400, BAD, "Capture amount must be equal to the amount authorized", "amount")
        settle(self.world, payment)
        return web.json_response(payment)

    async def refund(self, request: web.Request) -> web.Response:
        payment = self.world.payments.get(request.match_info["id"])
        raw, key = await request.read(), request.headers.get("X-Refund-Idempotency", "")
        if payment is None:
            return razorpay_error(400, BAD, "The id provided does not exist")
        if key in self.world.idempotent:
            first_body, refund_id = self.world.idempotent[key]
            if first_body != raw:
                return razorpay_error(409, BAD, "Different request body with the same idempotency key")
            return web.json_response(self.world.refunds[refund_id])
        body = await request.json() if raw else {}
        amount = body.get("amount", payment["amount"] - payment["amount_refunded"])
        if payment["status"] not in ("captured", "refunded") or amount > payment["amount"] - payment["amount_refunded"]:
            return razorpay_error(400, BAD, "The total refund amount is greater than the refund payment amount")
        refund = self._pay_back(payment, amount, body)
        if key:
            self.world.idempotent[key] = raw, refund["id"]
        return web.json_response(refund)

    def _pay_back(self, payment: Entry, amount: int, body: Entry) -> Entry:
        refund = {
            "id": new_id(self.world, "rfnd"), "entity": "refund", "amount": amount, "currency": payment["currency"],
            "payment_id": payment["id"], "notes": body.get("notes") or [], "receipt": body.get("receipt"),
            "acquirer_data": {"arn": None}, "created_at": int(time.time()), "batch_id": None, "status": "processed",
            "speed_processed": "normal", "speed_requested": body.get("speed", "normal"),
        }  # fmt: skip
        self.world.refunds[refund["id"]] = refund
        payment["amount_refunded"] += amount
        is_full = payment["amount_refunded"] == payment["amount"]
        payment["refund_status"] = "full" if is_full else "partial"
        payment["status"] = "refunded" if is_full else "captured"
        self.world.log.write("refund.created", refund_id=refund["id"], payment_id=payment["id"], amount=amount)
        for event in ("refund.created", "refund.processed"):
            self.world.later(send_webhook(self.world, event, refund=refund, payment=payment))
        return refund

    async def list_payment_refunds(self, request: web.Request) -> web.Response:
        payment_id = request.match_info["id"]
        return collection(request, [r for r in self.world.refunds.values() if r["payment_id"] == payment_id])

    async def fetch_refund(self, request: web.Request) -> web.Response:
        return one(self.world.refunds, request)


def pay_order(world: World, order: Entry, *, capture: bool = True) -> dict[str, str]:
    """Pay an order as a person in Checkout would; return what Checkout hands to the page. Raises ValueError if paid."""
    if order["status"] == "paid":
        raise ValueError("Payment already done for this order")
    payment = new_payment(world, order, "authorized")
    world.log.write("payment.authorized", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    world.later(send_webhook(world, "payment.authorized", payment=dict(payment)))
    if capture:
        settle(world, payment)
    message = f"{order['id']}|{payment['id']}".encode()
    secret = world.credentials.razorpay_key_secret.encode()
    return {
        "razorpay_payment_id": payment["id"],
        "razorpay_order_id": order["id"],
        "razorpay_signature": hmac.new(secret, message, hashlib.sha256).hexdigest(),
    }


def fail_order(world: World, order: Entry) -> Entry:
    """Let an attempt to pay fail at the bank; the order stays open."""
    payment = new_payment(world, order, "failed")
    payment |= {"error_code": BAD, "error_description": "Payment failed", "error_reason": "payment_failed"}
    world.log.write("payment.failed", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    world.later(send_webhook(world, "payment.failed", payment=dict(payment)))
    return payment


def authorize_late(world: World, payment: Entry) -> Entry:
    """Let the bank say days later that a failed payment went through after all."""
    payment |= {"status": "authorized", "error_code": None, "error_description": None, "error_reason": None}
    world.log.write("payment.authorized", payment_id=payment["id"], order_id=payment["order_id"], late=True)
    world.later(send_webhook(world, "payment.authorized", payment=dict(payment)))
    return payment


def new_payment(world: World, order: Entry, status: str) -> Entry:
    order["attempts"] += 1
    order["status"] = "attempted"
    payment = {
        "id": new_id(world, "pay"), "entity": "payment", "amount": order["amount"], "currency": order["currency"],
        "status": status, "order_id": order["id"], "invoice_id": None, "international": False, "method": "upi",
        "amount_refunded": 0, "refund_status": None, "captured": False, "description": None, "card_id": None,
        "bank": None, "wallet": None, "vpa": "success@razorpay", "email": "payer@example.com",
        "contact": "+919812340003", "notes": [], "fee": None, "tax": None, "error_code": None,
        "error_description": None, "error_source": None, "error_step": None, "error_reason": None,
        "acquirer_data": {}, "created_at": int(time.time()),
    }  # fmt: skip
    world.payments[payment["id"]] = payment
    return payment


def settle(world: World, payment: Entry) -> None:
    """Capture: the money moves, and its order is paid."""
    order = world.orders[payment["order_id"]]
    payment |= {"status": "captured", "captured": True, "fee": payment["amount"] // 50, "tax": 0}
    order |= {"status": "paid", "amount_paid": order["amount"], "amount_due": 0}
    world.log.write("payment.captured", payment_id=payment["id"], order_id=order["id"], amount=payment["amount"])
    world.later(send_webhook(world, "payment.captured", payment=dict(payment)))
    world.later(send_webhook(world, "order.paid", payment=dict(payment), order=dict(order)))


def new_id(world: World, prefix: str) -> str:
    return f"{prefix}_" + "".join(world.dice.choices(string.ascii_letters + string.digits, k=14))


def one(entities: dict[str, Entry], request: web.Request) -> web.Response:
    entity = entities.get(request.match_info["id"])
    if entity is None:
        return razorpay_error(400, BAD, "The id provided does not exist")
    return web.json_response(entity)


def collection(request: web.Request, entities: list[Entry]) -> web.Response:
    count, skip = int(request.query.get("count", "10")), int(request.query.get("skip", "0"))
    items = list(reversed(entities))[skip : skip + min(count, 100)]
    return web.json_response({"entity": "collection", "count": len(items), "items": items})
