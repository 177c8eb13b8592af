"""Twilio, and nothing else. The only module that imports its SDK or knows its words."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from notifications.models import Notification
from notifications.providers.base import (
    Accepted,
    DeliveryError,
    NotSent,
    OutcomeUnknown,
    Outgoing,
    Rejected,
    Throttled,
)
from notifications.providers.twilio_codes import VERDICT_OF_CODE, VERDICT_OF_STATUS

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
STATUS_PATH = "/notifications/twilio/status"
LISTED = 1000  # messages to one recipient that a look-up reads, newest first
CLOCK_SKEW = timedelta(minutes=2)  # between Twilio's clock and ours

Status = Notification.Status

# Twilio's words for what became of a message; a word that is missing here changes nothing. Any report of a message,
# even that it is queued, proves that Twilio has accepted it.
STATUS_FROM_TWILIO = {
    "accepted": Status.ACCEPTED,
    "scheduled": Status.ACCEPTED,
    "queued": Status.ACCEPTED,
    "sending": Status.ACCEPTED,
    "sent": Status.ACCEPTED,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.UNDELIVERED,
    "canceled": Status.UNDELIVERED,
}
STATUSES_WITHOUT_NEWS = {"receiving", "received", "partially_delivered"}


def send_sms(message: Outgoing) -> Accepted:
    """Send an SMS. Raises Rejected, NotSent or OutcomeUnknown."""
    sender = (
        {"messaging_service_sid": settings.TWILIO_MESSAGING_SERVICE_SID}
        if settings.TWILIO_MESSAGING_SERVICE_SID
        else {"from_": settings.TWILIO_SMS_FROM}
    )
    return _create(message, to=message.address, **sender)


def send_whatsapp(message: Outgoing) -> Accepted:
    """Send a WhatsApp message. Raises Rejected, NotSent or OutcomeUnknown."""
    return _create(message, to=f"whatsapp:{message.address}", from_=f"whatsapp:{settings.TWILIO_WHATSAPP_FROM}")


def find_message(*, channel: Notification.Channel, address: str, body: str, since: datetime) -> Accepted | None:
    """Look up a message at Twilio by its recipient and its very words; return None if there is none since ``since``.

    Each of our texts names its booking, so equal words are the same message. Raises OutcomeUnknown if it cannot be
    asked.
    """
    to = f"whatsapp:{address}" if channel == Notification.Channel.WHATSAPP else address
    try:
        listed = _client().messages.list(to=to, page_size=100, limit=LISTED)
    except (TwilioException, DeliveryError) as error:
        raise OutcomeUnknown(f"Twilio's list could not be read ({type(error).__name__}).") from error
    for message in listed:
        created = message.date_created
        if message.body == body and created is not None and created >= since - CLOCK_SKEW:
            return Accepted(provider_id=str(message.sid), http_status=200)
    return None


def callback_is_genuine(*, full_path: str, fields: dict[str, Any], signature: str) -> bool:
    """Whether Twilio signed this callback. The URL is the public one that we gave it, never the request's own host."""
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    return bool(validator.validate(f"{settings.PUBLIC_BASE_URL}{full_path}", fields, signature))


def _create(message: Outgoing, **addressing: str) -> Accepted:
    # The callback's path carries our own ids: it finds its row even when the answer to this request is lost.
    callback = f"{settings.PUBLIC_BASE_URL}{STATUS_PATH}/{message.id}/{message.attempt_id}"
    try:
        created = _client().messages.create(body=message.body, status_callback=callback, **addressing)
    except TwilioRestException as error:
        code = str(error.code or "")
        verdict = verdict_of(http_status=error.status, code=code)
        raise verdict(f"Twilio: {error.msg}", code=code, http_status=error.status) from error
    except TwilioException as error:
        raise OutcomeUnknown(f"Twilio's answer could not be read: {error}") from error
    return Accepted(provider_id=str(created.sid), http_status=201)


def verdict_of(*, http_status: int, code: str) -> type[DeliveryError]:
    """Return what a refusal means: whether it happened, and what to do next."""
    if http_status >= 500:
        # Twilio: a 500 on sending "is not idempotent ... it is possible for a customer to receive multiple messages".
        return OutcomeUnknown
    by_status = VERDICT_OF_STATUS.get(http_status, Rejected if 400 <= http_status < 500 else OutcomeUnknown)
    return VERDICT_OF_CODE.get(code, by_status)


@cache
def _client() -> Client:
    return Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=_HttpClient())


class _HttpClient(HttpClient):
    """Speaks to TWILIO_API_BASE_URL with hard timeouts and no retries; safe to share between threads.

    The SDK's own clients wait for ever (sync) or send again after a 5xx (async).
    """

    def __init__(self) -> None:
        super().__init__(logger=None, is_async=False, timeout=None)
        self._base = urlsplit(settings.TWILIO_API_BASE_URL)
        self._pool = urllib3.PoolManager(
            num_pools=2,
            maxsize=settings.DRAIN_CONCURRENCY,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )

    def request(
        self,
        method: str,
        url: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        address = urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))
        sent_headers = dict(headers or {})
        if auth is not None:
            sent_headers |= urllib3.make_headers(basic_auth=":".join(auth))
        if data:
            sent_headers["Content-Type"] = "application/x-www-form-urlencoded"
        query = f"?{_encode(params)}" if params else ""
        try:
            answer = self._pool.urlopen(
                method, address + query, body=_encode(data), headers=sent_headers, redirect=False
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise NotSent(f"Twilio could not be reached ({type(error).__name__}).") from error
        except urllib3.exceptions.HTTPError as error:
            raise OutcomeUnknown(f"No answer from Twilio ({type(error).__name__}).") from error
        return Response(answer.status, _text(answer), dict(answer.headers))


def _encode(fields: dict[str, object] | None) -> str | None:
    return urlencode({name: value for name, value in fields.items() if value is not None}) if fields else None


def _text(answer: urllib3.BaseHTTPResponse) -> str:
    text = answer.data.decode("utf-8", errors="replace")
    try:
        json.loads(text)
    except ValueError as error:
        # A proxy's page, say: nobody knows whether Twilio itself has seen the request, but for a plain "slower".
        verdict = Throttled if answer.status == 429 else OutcomeUnknown
        reason = f"Twilio answered {answer.status} with something that is not JSON."
        raise verdict(reason, http_status=answer.status) from error
    return text
