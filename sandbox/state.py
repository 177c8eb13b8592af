"""The state that the simulated providers share: the log, the random numbers, and all messages and payments."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from typing import Any, TextIO

import aiohttp
from aiohttp import web

from sandbox.options import Credentials, Settings

Entry = dict[str, Any]


class ProviderLog:
    """An append-only log of what the providers did. What they accept is logged before the response."""

    def __init__(self, path: str | None) -> None:
        self.entries: list[Entry] = []
        self._file: TextIO | None = Path(path).open("a", buffering=1) if path else None  # noqa: SIM115 - open as long as the sandbox

    def write(self, kind: str, **data: Any) -> Entry:
        """Append one entry; its ``at`` is a Unix timestamp."""
        entry = {"seq": len(self.entries) + 1, "at": time.time(), "kind": kind, **data}
        self.entries.append(entry)
        if self._file:
            self._file.write(json.dumps(entry) + "\n")
        return entry

    def after(self, seq: int, kind: str | None) -> list[Entry]:
        return [entry for entry in self.entries[seq:] if kind is None or entry["kind"] == kind]


class State:
    """The state of one sandbox."""

    def __init__(self, credentials: Credentials, settings: Settings, *, log: str | None, seed: int | None) -> None:
        self.credentials = credentials
        self.settings = settings
        self.log = ProviderLog(log)
        self.rng = random.Random(seed)
        self.messages: dict[str, Entry] = {}
        self.orders: dict[str, Entry] = {}
        self.payments: dict[str, Entry] = {}
        self.refunds: dict[str, Entry] = {}
        self.disputes: dict[str, Entry] = {}
        self.refund_by_key: dict[str, tuple[bytes, str]] = {}
        self.webhooks: list[Entry] = []
        self.webhook_url = credentials.razorpay_webhook_url
        self.concurrent_sends = 0
        self.mail_connections = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.http: aiohttp.ClientSession | None = None

    def run_in_background(self, coroutine: Any) -> None:
        """Run a coroutine without delaying the response."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def random_duration(self, name: str) -> float:
        """Return a random number of seconds between ``<name>_seconds_min`` and ``<name>_seconds_max``."""
        low, high = (getattr(self.settings, f"{name}_seconds_{end}") for end in ("min", "max"))
        return self.rng.uniform(low, high)

    def is_injected(self, fault: str) -> bool:
        """Decide at random whether to inject a fault; log it if so."""
        probability: float = getattr(self.settings, fault)
        is_injected = probability > 0 and self.rng.random() < probability
        if is_injected:
            self.log.write("fault", fault=fault)
        return is_injected

    def throttled(self, prefix: str) -> web.Response:
        """Return a 429."""
        if prefix:
            response = razorpay_error(429, "BAD_REQUEST_ERROR", "Too many requests")
        else:
            response = twilio_error(429, 20429, "Too Many Requests")
        if self.settings.throttle_retry_after:
            response.headers["Retry-After"] = f"{self.settings.throttle_retry_after:g}"
        return response

    async def fault_before(self, request: web.Request, prefix: str = "") -> web.StreamResponse | None:
        """Inject a fault before anything is accepted; return its response, or None without a fault."""
        if self.is_injected(f"{prefix}throttle"):
            return self.throttled(prefix)
        if self.is_injected(f"{prefix}error_before"):
            return server_error(prefix)
        if self.is_injected(f"{prefix}html_error"):
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
        return await self._hang_or_reset(request, prefix, "before")

    async def fault_after(self, request: web.Request, prefix: str = "") -> web.StreamResponse | None:
        """Inject a fault after the request was accepted; return its response, or None without a fault."""
        if self.is_injected(f"{prefix}error_after"):
            return server_error(prefix)
        return await self._hang_or_reset(request, prefix, "after")

    async def _hang_or_reset(self, request: web.Request, prefix: str, when: str) -> web.StreamResponse | None:
        if self.is_injected(f"{prefix}hang_{when}"):
            await asyncio.sleep(self.settings.hang_seconds)
            return server_error(prefix)
        if self.is_injected(f"{prefix}reset_{when}"):
            if request.transport is not None:  # otherwise the caller has disconnected
                request.transport.abort()
            return web.Response(status=500)
        return None


def server_error(prefix: str) -> web.Response:
    if prefix:
        return razorpay_error(500, "SERVER_ERROR", "We are facing some trouble completing your request.")
    return twilio_error(500, 20500, "An internal server error has occurred")


def twilio_error(status: int, code: int, message: str) -> web.Response:
    """Return an error in Twilio's shape (twilio.com/docs/usage/twilios-response)."""
    more_info = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more_info, "status": status}
    return web.json_response(body, status=status)


def razorpay_error(status: int, code: str, description: str, field: str | None = None) -> web.Response:
    """Return an error in Razorpay's shape (razorpay.com/docs/errors)."""
    error = {
        "code": code,
        "description": description,
        "source": "business",
        "step": "payment_initiation",
        "reason": "input_validation_failed",
        "metadata": {},
        **({"field": field} if field else {}),
    }
    return web.json_response({"error": error}, status=status)


def has_basic_auth(request: web.Request, user: str, password: str) -> bool:
    try:
        credentials = aiohttp.BasicAuth.decode(request.headers.get("Authorization", ""))
    except ValueError:
        return False
    return (credentials.login, credentials.password) == (user, password)
