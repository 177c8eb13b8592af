"""Control endpoints for tests and developers, which real providers lack: log, settings, simulated payments."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import partial

from aiohttp import web

from sandbox.page import render
from sandbox.razorpay_disputes import change_dispute, open_dispute
from sandbox.razorpay_payments import (
    authorize_late,
    fail_order,
    pay_order,
    refund_payment,
    refund_uncaptured,
    set_refund_status,
)
from sandbox.razorpay_webhooks import post
from sandbox.state import Entry, State
from sandbox.twilio_callbacks import post_callback


def add_routes(app: web.Application, state: State) -> None:
    control = Control(state)
    app.router.add_get("/", control.page)
    app.router.add_get("/sandbox/log", control.log)
    app.router.add_get("/sandbox/settings", control.show_settings)
    app.router.add_put("/sandbox/settings", control.change_settings)
    app.router.add_delete("/sandbox/settings", control.reset_settings)
    app.router.add_post("/sandbox/orders/{id}/pay", control.pay)
    app.router.add_post("/sandbox/orders/{id}/fail", control.fail)
    app.router.add_post("/sandbox/payments/{id}/late-authorize", control.late_authorize)
    app.router.add_post("/sandbox/payments/{id}/auto-refund", control.auto_refund)
    app.router.add_post("/sandbox/payments/{id}/refund", control.dashboard_refund)
    app.router.add_post("/sandbox/payments/{id}/dispute", control.open_dispute)
    app.router.add_post("/sandbox/disputes/{id}/{event}", control.change_dispute)
    app.router.add_post("/sandbox/refunds/{id}/process", control.process_refund)
    app.router.add_post("/sandbox/refunds/{id}/fail", control.fail_refund)
    app.router.add_get("/sandbox/webhooks", control.webhooks)
    app.router.add_post("/sandbox/webhooks/{id}/replay", control.replay_webhook)
    app.router.add_put("/sandbox/webhook-url", control.set_webhook_url)
    app.router.add_post("/sandbox/inbound", control.inbound)


class Control:
    def __init__(self, state: State) -> None:
        self.state = state
        self.initial_settings = copy.copy(state.settings)

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=render(self.state), content_type="text/html")

    async def log(self, request: web.Request) -> web.Response:
        after, kind = int(request.query.get("after", "0")), request.query.get("kind")
        return web.json_response({"entries": self.state.log.after(after, kind)})

    async def show_settings(self, request: web.Request) -> web.Response:
        return web.json_response(dataclasses.asdict(self.state.settings))

    async def change_settings(self, request: web.Request) -> web.Response:
        try:
            self.state.settings.change(await request.json())
        except ValueError as error:
            return web.json_response({"detail": str(error)}, status=400)
        return await self.show_settings(request)

    async def reset_settings(self, request: web.Request) -> web.Response:
        self.state.settings.change(dataclasses.asdict(self.initial_settings))
        return await self.show_settings(request)

    async def pay(self, request: web.Request) -> web.Response:
        """Pay an order. The JSON body may set ``capture`` (default true), ``amount``, ``currency`` and ``method``."""
        return await self._run(request, self.state.orders, pay_order)

    async def fail(self, request: web.Request) -> web.Response:
        return await self._run(request, self.state.orders, fail_order)

    async def late_authorize(self, request: web.Request) -> web.Response:
        """Authorize a failed payment late. The JSON body may set ``capture`` (default false)."""
        return await self._run(request, self.state.payments, authorize_late)

    async def auto_refund(self, request: web.Request) -> web.Response:
        return await self._run(request, self.state.payments, refund_uncaptured)

    async def dashboard_refund(self, request: web.Request) -> web.Response:
        """Refund a payment, as in Razorpay's Dashboard. The JSON body may set ``amount``."""
        return await self._run(
            request, self.state.payments, lambda state, row, **options: refund_payment(state, row, options)
        )

    async def open_dispute(self, request: web.Request) -> web.Response:
        """Dispute a payment. The JSON body may set fields of the dispute, such as ``amount`` and ``respond_by``."""
        return await self._run(request, self.state.payments, open_dispute)

    async def change_dispute(self, request: web.Request) -> web.Response:
        """Report an event of a dispute: under_review, action_required, won, lost or closed. The body may set fields."""
        return await self._run(request, self.state.disputes, partial(change_dispute, event=request.match_info["event"]))

    async def process_refund(self, request: web.Request) -> web.Response:
        return await self._run(request, self.state.refunds, partial(set_refund_status, status="processed"))

    async def fail_refund(self, request: web.Request) -> web.Response:
        return await self._run(request, self.state.refunds, partial(set_refund_status, status="failed"))

    async def webhooks(self, request: web.Request) -> web.Response:
        return web.json_response({"webhooks": self.state.webhooks[int(request.query.get("after", "0")) :]})

    async def replay_webhook(self, request: web.Request) -> web.Response:
        event = next((each for each in self.state.webhooks if each["event_id"] == request.match_info["id"]), None)
        if event is None:
            return web.json_response({"detail": "Unknown event id."}, status=404)
        self.state.run_in_background(post(self.state, event))
        return web.json_response(event)

    async def set_webhook_url(self, request: web.Request) -> web.Response:
        self.state.webhook_url = str((await request.json())["url"])
        return web.json_response({"url": self.state.webhook_url})

    async def _run(self, request: web.Request, rows: dict[str, Entry], operation: Callable[..., Entry]) -> web.Response:
        row = rows.get(request.match_info["id"])
        if row is None:
            return web.json_response({"detail": "Unknown id."}, status=404)
        options = await request.json() if request.content_type == "application/json" and request.can_read_body else {}
        try:
            return self._respond(request, operation(self.state, row, **options))
        except (ValueError, TypeError) as error:
            return web.json_response({"detail": str(error)}, status=409)

    async def inbound(self, request: web.Request) -> web.Response:
        """Post an inbound message to ``url``, as Twilio does when a customer writes: JSON ``{url, from, to, body}``."""
        options = await request.json()
        form = {
            "AccountSid": self.state.credentials.twilio_account_sid,
            "From": options["from"],
            "To": options["to"],
            "Body": options["body"],
            "MessageSid": f"SM{self.state.rng.getrandbits(128):032x}",
        }
        await post_callback(self.state, options["url"], form)
        return web.json_response(form)

    def _respond(self, request: web.Request, body: object) -> web.Response:
        if "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPSeeOther("/")
        return web.json_response(body)
