"""Razorpay's webhooks: signed over the raw body, sent until they are acknowledged, and kept to be sent again."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time

import aiohttp

from sandbox.world import Entry, World

TRIES, BETWEEN_SECONDS = 4, 0.5


def announce(world: World, event: str, **entities: Entry) -> None:
    """Keep one event as it is now, and post it, unless it is held or lost."""
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
    kept = {
        "seq": len(world.webhooks) + 1,
        "event_id": f"evt_{world.dice.getrandbits(64):016x}",
        "event": event,
        "body": body,
        "signature": sign(body.encode(), world.credentials.razorpay_webhook_secret),
    }
    world.webhooks.append(kept)
    if world.settings.webhook_held or world.strikes("webhook_lost"):
        return
    times = 2 if world.strikes("webhook_doubled") else 1
    wait = 1.0 if world.strikes("webhook_reordered") else 0.0
    for _ in range(times):
        world.later(post(world, kept, wait=wait))


async def post(world: World, kept: Entry, *, wait: float = 0.0) -> None:
    """Post a kept event to the configured URL, if there is one; at least once, a few tries."""
    url = world.webhook_url
    if not url or world.http is None:
        return
    headers = {
        "Content-Type": "application/json",
        "X-Razorpay-Signature": kept["signature"],
        "x-razorpay-event-id": kept["event_id"],
    }
    for attempt in range(TRIES):
        await asyncio.sleep(wait + world.between("callback") if attempt == 0 else BETWEEN_SECONDS * 2**attempt)
        try:
            async with world.http.post(url, data=kept["body"].encode(), headers=headers) as answer:
                outcome: int | str = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        world.log.write("webhook.sent", event=kept["event"], event_id=kept["event_id"], answer=outcome)
        if isinstance(outcome, int) and 200 <= outcome < 300:
            return


def sign(body: bytes, secret: str) -> str:
    """Return Razorpay's signature of the very bytes of a webhook."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
