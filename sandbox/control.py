"""The doors for tests and people that no real provider has: the log, the settings, paying and failing an order."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import partial

from aiohttp import web

from sandbox.page import render
from sandbox.razorpay_money import authorize_late, end_refund, fail_order, give_back_uncaptured, pay_back, pay_order
from sandbox.razorpay_webhooks import post
from sandbox.twilio_callbacks import post_callback
from sandbox.world import Entry, World


def add_routes(app: web.Application, world: World) -> None:
    control = Control(world)
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
    app.router.add_post("/sandbox/refunds/{id}/process", control.process_refund)
    app.router.add_post("/sandbox/refunds/{id}/fail", control.fail_refund)
    app.router.add_get("/sandbox/webhooks", control.webhooks)
    app.router.add_post("/sandbox/webhooks/{id}/replay", control.replay_webhook)
    app.router.add_put("/sandbox/webhook-url", control.set_webhook_url)
    app.router.add_post("/sandbox/inbound", control.inbound)


class Control:
    def __init__(self, world: World) -> None:
        self.world = world
        self.at_start = copy.copy(world.settings)

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(text=render(self.world), content_type="text/html")

    async def log(self, request: web.Request) -> web.Response:
        after, kind = int(request.query.get("after", "0")), request.query.get("kind")
        return web.json_response({"entries": self.world.log.after(after, kind)})

    async def show_settings(self, request: web.Request) -> web.Response:
        return web.json_response(dataclasses.asdict(self.world.settings))

    async def change_settings(self, request: web.Request) -> web.Response:
        try:
            self.world.settings.change(await request.json())
        except ValueError as error:
            return web.json_response({"detail": str(error)}, status=400)
        return await self.show_settings(request)

    async def reset_settings(self, request: web.Request) -> web.Response:
        self.world.settings.change(dataclasses.asdict(self.at_start))
        return await self.show_settings(request)

    async def pay(self, request: web.Request) -> web.Response:
        """Pay an order; JSON may name ``capture`` (default true), ``amount``, ``currency`` and ``method``."""
        return await self._do(request, self.world.orders, pay_order)

    async def fail(self, request: web.Request) -> web.Response:
        return await self._do(request, self.world.orders, fail_order)

    async def late_authorize(self, request: web.Request) -> web.Response:
        """Approve a failed payment late; JSON may name ``capture`` (default false)."""
        return await self._do(request, self.world.payments, authorize_late)

    async def auto_refund(self, request: web.Request) -> web.Response:
        return await self._do(request, self.world.payments, give_back_uncaptured)

    async def dashboard_refund(self, request: web.Request) -> web.Response:
        """Refund a payment as a person in Razorpay's Dashboard would; JSON may name ``amount``."""
        return await self._do(request, self.world.payments, lambda world, row, **told: pay_back(world, row, told))

    async def process_refund(self, request: web.Request) -> web.Response:
        return await self._do(request, self.world.refunds, partial(end_refund, status="processed"))

    async def fail_refund(self, request: web.Request) -> web.Response:
        return await self._do(request, self.world.refunds, partial(end_refund, status="failed"))

    async def webhooks(self, request: web.Request) -> web.Response:
        return web.json_response({"webhooks": self.world.webhooks[int(request.query.get("after", "0")) :]})

    async def replay_webhook(self, request: web.Request) -> web.Response:
        kept = next((each for each in self.world.webhooks if each["event_id"] == request.match_info["id"]), None)
        if kept is None:
            return web.json_response({"detail": "There is no such event."}, status=404)
        self.world.later(post(self.world, kept))
        return web.json_response(kept)

    async def set_webhook_url(self, request: web.Request) -> web.Response:
        self.world.webhook_url = str((await request.json())["url"])
        return web.json_response({"url": self.world.webhook_url})

    async def _do(self, request: web.Request, rows: dict[str, Entry], act: Callable[..., Entry]) -> web.Response:
        row = rows.get(request.match_info["id"])
        if row is None:
            return web.json_response({"detail": "There is no such id."}, status=404)
        told = await request.json() if request.content_type == "application/json" and request.can_read_body else {}
        try:
            return self._answer(request, act(self.world, row, **told))
        except (ValueError, TypeError) as error:
            return web.json_response({"detail": str(error)}, status=409)

    async def inbound(self, request: web.Request) -> web.Response:
        """Post an inbound message, as from a person's phone: JSON ``{url, from, to, body}``."""
        told = await request.json()
        form = {
            "AccountSid": self.world.credentials.twilio_account_sid,
            "From": told["from"],
            "To": told["to"],
            "Body": told["body"],
            "MessageSid": f"SM{self.world.dice.getrandbits(128):032x}",
        }
        await post_callback(self.world, told["url"], form)
        return web.json_response(form)

    def _answer(self, request: web.Request, body: object) -> web.Response:
        if "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPSeeOther("/")
        return web.json_response(body)
