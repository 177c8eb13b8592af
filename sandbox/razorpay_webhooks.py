"""Razorpay's webhooks: signed over the raw body, sent again until they are acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time

import aiohttp

from sandbox.world import Entry, World

TRIES, BETWEEN_SECONDS = 4, 0.5


async def send_webhook(world: World, event: str, **entities: Entry) -> None:
    """Post one event to the configured URL, if there is one; at least once, a few tries."""
    url = world.credentials.razorpay_webhook_url
    if not url or world.http is None:
        return
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    body = json.dumps({
        "entity": "event", "account_id": "acc_sandbox", "event": event, "contains": list(entities),
        "payload": payload, "created_at": int(time.time()),
    }).encode()  # fmt: skip
    secret = world.credentials.razorpay_webhook_secret.encode()
    headers = {
        "Content-Type": "application/json",
        "X-Razorpay-Signature": hmac.new(secret, body, hashlib.sha256).hexdigest(),
        "x-razorpay-event-id": f"evt_{world.dice.getrandbits(64):016x}",
    }
    for attempt in range(TRIES):
        await asyncio.sleep(world.between("callback") if attempt == 0 else BETWEEN_SECONDS * 2**attempt)
        try:
            async with world.http.post(url, data=body, headers=headers) as answer:
                outcome: int | str = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        world.log.write("webhook.sent", event=event, event_id=headers["x-razorpay-event-id"], answer=outcome)
        if isinstance(outcome, int) and 200 <= outcome < 300:
            return
