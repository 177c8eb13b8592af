"""Twilio's Messages API, 2010-04-01: create, fetch, list (twilio.com/docs/messaging/api/message-resource)."""

from __future__ import annotations

import asyncio
import re
import uuid
from email.utils import formatdate
from urllib.parse import urlencode

from aiohttp import web

from sandbox.state import Entry, State, has_basic_auth, twilio_error
from sandbox.twilio_callbacks import report_progress

# Twilio's magic numbers for test credentials, and the error for each.
MAGIC_NUMBERS = {
    "+15005550001": (21211, "Invalid 'To' Phone Number: {to}"),
    "+15005550002": (21612, "The 'To' phone number: {to}, is not currently reachable using the 'From' phone number"),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region indicated by the 'To'"),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number"),
}
MAGIC_SENDERS = {
    "+15005550001": (21212, "The 'From' number {sender} is not a valid phone number."),
    "+15005550007": (21606, "The 'From' phone number {sender} is not a valid, SMS-capable inbound phone number"),
    "+15005550008": (21611, "This 'From' number has exceeded the maximum number of queued messages."),
}
E164 = re.compile(r"\+[1-9]\d{6,14}")


def add_routes(app: web.Application, state: State) -> None:
    api = TwilioApi(state)
    base = "/2010-04-01/Accounts/{account}"
    app.router.add_post(f"{base}/Messages.json", api.create)
    app.router.add_get(f"{base}/Messages.json", api.list)
    app.router.add_get(f"{base}/Messages/{{sid}}.json", api.fetch)


class TwilioApi:
    def __init__(self, state: State) -> None:
        self.state = state

    def _authentication_error(self, request: web.Request) -> web.Response | None:
        sid, auth_token = self.state.credentials.twilio_account_sid, self.state.credentials.twilio_auth_token
        if request.match_info["account"] == sid and has_basic_auth(request, sid, auth_token):
            return None
        return twilio_error(401, 20003, "Authenticate")

    async def create(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._authentication_error(request):
            return refusal
        limit = self.state.settings.concurrency_limit
        if limit and self.state.concurrent_sends >= limit:
            self.state.log.write("fault", fault="concurrency_limit")
            return self.state.throttled("")
        self.state.concurrent_sends += 1
        try:
            return await self._create(request)
        finally:
            self.state.concurrent_sends -= 1

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if refusal := find_refusal(form):
            code, text = refusal
            self.state.log.write("request.refused", code=code, to=form.get("To", ""))
            return twilio_error(400, code, text)
        if fault := await self.state.fault_before(request):
            return fault
        await asyncio.sleep(self.state.random_duration("message"))
        message = self._accept(form)
        if fault := await self.state.fault_after(request):
            return fault
        return web.json_response(message, status=201)

    def _accept(self, form: dict[str, str]) -> Entry:
        sid = "SM" + uuid.UUID(int=self.state.rng.getrandbits(128)).hex
        account = self.state.credentials.twilio_account_sid
        now = formatdate()
        message: Entry = {
            "account_sid": account,
            "api_version": "2010-04-01",
            "body": form.get("Body", ""),
            "date_created": now,
            "date_sent": None,
            "date_updated": now,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": form.get("From"),
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "num_media": "0",
            "num_segments": str(count_segments(form.get("Body", ""))),
            "price": None,
            "price_unit": "USD",
            "sid": sid,
            "status": "accepted" if "MessagingServiceSid" in form else "queued",
            "subresource_uris": {},
            "to": form["To"],
            "uri": f"/2010-04-01/Accounts/{account}/Messages/{sid}.json",
        }
        self.state.messages[sid] = message
        is_whatsapp = form["To"].startswith("whatsapp:")
        self.state.log.write(
            "message.accepted",
            channel="whatsapp" if is_whatsapp else "sms",
            sid=sid,
            to=form["To"],
            body=form.get("Body", ""),
            status_callback=form.get("StatusCallback", ""),
            **{"from": form.get("From")},
        )
        self.state.run_in_background(report_progress(self.state, message, form.get("StatusCallback", "")))
        return message

    async def fetch(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._authentication_error(request):
            return refusal
        message = self.state.messages.get(request.match_info["sid"])
        if message is None:
            return twilio_error(404, 20404, f"The requested resource {request.path} was not found")
        return web.json_response(message)

    async def list(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._authentication_error(request):
            return refusal
        if self.state.is_injected("list_error"):
            return twilio_error(500, 20500, "An internal server error has occurred")
        query = request.query
        matching = [
            message
            for message in reversed(self.state.messages.values())
            if query.get("To") in (None, message["to"]) and query.get("From") in (None, message["from"])
        ]
        size, page = int(query.get("PageSize", "50")), int(query.get("Page", "0"))
        next_page_uri = f"{request.path}?{urlencode({**query, 'PageSize': size, 'Page': page + 1})}"
        has_more = len(matching) > (page + 1) * size
        return web.json_response(
            {
                "messages": matching[page * size : (page + 1) * size],
                "page": page,
                "page_size": size,
                "uri": request.path_qs,
                "next_page_uri": next_page_uri if has_more else None,
                "first_page_uri": request.path,
                "previous_page_uri": None,
            }
        )


def find_refusal(form: dict[str, str]) -> tuple[int, str] | None:
    """Return the code and text with which Twilio refuses this form, or None if it is valid."""
    to = form.get("To", "")
    number = to.removeprefix("whatsapp:")
    if not to:
        return 21604, "A 'To' phone number is required."
    if "From" not in form and "MessagingServiceSid" not in form:
        return 21603, "A 'From' phone number is required."
    if not form.get("Body") and "ContentSid" not in form:
        return 21602, "Message body is required."
    if len(form.get("Body", "")) > 1600:
        return 21617, "The concatenated message body exceeds the 1600 character limit"
    if not E164.fullmatch(number):
        return 21211, f"Invalid 'To' Phone Number: {to}"
    if number in MAGIC_NUMBERS:
        code, text = MAGIC_NUMBERS[number]
        return code, text.format(to=to)
    sender = form.get("From", "").removeprefix("whatsapp:")
    if sender in MAGIC_SENDERS:
        code, text = MAGIC_SENDERS[sender]
        return code, text.format(sender=sender)
    return None


def count_segments(body: str) -> int:
    """Return the number of SMS segments of up to 160 characters (153 if several) for ASCII, 70 (67) otherwise."""
    single_limit, part_limit = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= single_limit else -(-len(body) // part_limit)
