"""Twilio's status callbacks: signed form posts to the StatusCallback URL of a message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from email.utils import formatdate

import aiohttp

from sandbox.state import Entry, State

# Messages to numbers with these last four digits are accepted and become undelivered, with this error code.
UNDELIVERABLE = {"3003": "30003", "3006": "30006"}


def sign(auth_token: str, url: str, form: dict[str, str]) -> str:
    """Sign as Twilio does: HMAC-SHA1 over the URL and the sorted fields (twilio.com/docs/usage/security)."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()).decode()


async def report_progress(state: State, message: Entry, callback_url: str) -> None:
    """Advance the status of a message and post each status to ``callback_url``; inject the configured faults."""
    error = UNDELIVERABLE.get(message["to"][-4:], "")
    statuses = ["sent", "undelivered" if error else "delivered"]
    if message["to"].startswith("whatsapp:") and not error:
        statuses.append("read")
    if state.is_injected("callback_reordered"):
        statuses.reverse()
    for status in statuses:
        await asyncio.sleep(state.random_duration("callback"))
        message["status"], message["date_updated"] = status, formatdate()
        message["date_sent"] = message["date_sent"] or formatdate()
        message["error_code"] = int(error) if status == "undelivered" else None
        state.log.write("message.status", sid=message["sid"], status=status)
        if callback_url and not state.is_injected("callback_lost"):
            for _ in range(2 if state.is_injected("callback_duplicated") else 1):
                await post_callback(state, callback_url.partition("#")[0], callback_form(message, status, error))


def callback_form(message: Entry, status: str, error: str) -> dict[str, str]:
    """Return the fields of a status callback. Twilio adds fields without notice, so one field is made up."""
    form = {
        "AccountSid": message["account_sid"],
        "ApiVersion": "2010-04-01",
        "From": message["from"] or "",
        "MessageSid": message["sid"],
        "MessageStatus": status,
        "SmsSid": message["sid"],
        "SmsStatus": status,
        "To": message["to"],
        "SandboxExtra": "a field that Twilio added without notice",
    }
    if status == "undelivered":
        form["ErrorCode"] = error
    if message["to"].startswith("whatsapp:"):
        form |= {"ChannelPrefix": "whatsapp", "ChannelToAddress": message["to"]}
    return form


async def post_callback(state: State, url: str, form: dict[str, str]) -> None:
    """Post one signed form; log the response."""
    assert state.http is not None
    headers = {"X-Twilio-Signature": sign(state.credentials.twilio_auth_token, url, form)}
    try:
        async with state.http.post(url, data=form, headers=headers) as response:
            outcome: int | str = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        outcome = type(error).__name__
    state.log.write("callback.sent", sid=form.get("MessageSid"), status=form.get("MessageStatus"), response=outcome)
