"""The doors for tests and people that no real provider has: the log, the settings, paying and failing an order."""

from __future__ import annotations

import copy
import dataclasses

from aiohttp import web

from sandbox.page import render
from sandbox.razorpay_api import authorize_late, fail_order, pay_order
from sandbox.twilio_callbacks import post_callback
from sandbox.world import World


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
        order = self.world.orders.get(request.match_info["id"])
        if order is None:
            return web.json_response({"detail": "There is no such order."}, status=404)
        options = await request.json() if request.content_type == "application/json" else {}
        try:
            paid = pay_order(self.world, order, capture=bool(options.get("capture", True)))
        except ValueError as error:
            return web.json_response({"detail": str(error)}, status=409)
        return self._answer(request, paid)

    async def fail(self, request: web.Request) -> web.Response:
        order = self.world.orders.get(request.match_info["id"])
        if order is None:
            return web.json_response({"detail": "There is no such order."}, status=404)
        return self._answer(request, fail_order(self.world, order))

    async def late_authorize(self, request: web.Request) -> web.Response:
        payment = self.world.payments.get(request.match_info["id"])
        if payment is None or payment["status"] != "failed":
            return web.json_response({"detail": "There is no such failed payment."}, status=404)
        return self._answer(request, authorize_late(self.world, payment))

    async def inbound(self, request: web.Request) -> web.Response:
        """Post an inbound message, as from a person's phone: JSON ``{url, from, to, body}``."""
        told = await request.json()
        form = {
            "AccountSid": self.world.credentials.twilio_account_sid, "From": told["from"], "To": told["to"],
            "Body": told["body"], "MessageSid": f"SM{self.world.dice.getrandbits(128):032x}",
        }  # fmt: skip
        await post_callback(self.world, told["url"], form)
        return web.json_response(form)

    def _answer(self, request: web.Request, body: object) -> web.Response:
        if "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPSeeOther("/")
        return web.json_response(body)
