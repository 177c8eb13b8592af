"""Razorpay's webhooks: signed over the raw body, retried until they are acknowledged, and stored for replays."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time

import aiohttp

from sandbox.state import Entry, State

MAX_ATTEMPTS, RETRY_SECONDS = 4, 0.5


def publish(state: State, event: str, **entities: Entry) -> None:
    """Store an event with the current entities, and post it, unless it is held or lost."""
    payload = {name: {"entity": dict(entity)} for name, entity in entities.items()}
    body = json.dumps(
        {
            "entity": "event",
            "account_id": "acc_sandbox",
            "event": event,
            "contains": list(entities),
            "payload": payload,
            "created_at": int(time.time()),
        }
    )
    webhook = {
        "seq": len(state.webhooks) + 1,
        "event_id": f"evt_{state.rng.getrandbits(64):016x}",
        "event": event,
        "body": body,
        "signature": sign(body.encode(), state.credentials.razorpay_webhook_secret),
    }
    state.webhooks.append(webhook)
    if state.settings.webhook_held or state.is_injected("webhook_lost"):
        return
    copies = 2 if state.is_injected("webhook_duplicated") else 1
    delay_seconds = 1.0 if state.is_injected("webhook_reordered") else 0.0
    for _ in range(copies):
        state.run_in_background(post(state, webhook, delay_seconds=delay_seconds))


async def post(state: State, webhook: Entry, *, delay_seconds: float = 0.0) -> None:
    """Post an event to the webhook URL, if there is one, until it is acknowledged or MAX_ATTEMPTS are used up."""
    url = state.webhook_url
    if not url or state.http is None:
        return
    headers = {
        "Content-Type": "application/json",
        "X-Razorpay-Signature": webhook["signature"],
        "x-razorpay-event-id": webhook["event_id"],
    }
    for attempt in range(MAX_ATTEMPTS):
        await asyncio.sleep(
            delay_seconds + state.random_duration("callback") if attempt == 0 else RETRY_SECONDS * 2**attempt
        )
        try:
            async with state.http.post(url, data=webhook["body"].encode(), headers=headers) as response:
                outcome: int | str = response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        state.log.write("webhook.sent", event=webhook["event"], event_id=webhook["event_id"], response=outcome)
        if isinstance(outcome, int) and 200 <= outcome < 300:
            return


def sign(body: bytes, secret: str) -> str:
    """Return the signature with which Razorpay sends this raw body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
