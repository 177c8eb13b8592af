"""The Twilio SDK's client with hard timeouts and no retries."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3
from django.conf import settings
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from foundation.http_requests import PoolManager, RequestNotSent
from foundation.retry_after import parse_retry_after
from notifications.providers.base import (
    ChannelBroken,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
)

CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0


@cache
def get_client() -> Client:
    """Return the client, which all sender threads share."""
    return Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=TwilioHttpClient())


class TwilioHttpClient(HttpClient):
    """Sends requests to TWILIO_API_BASE_URL with hard timeouts and no retries. Thread-safe.

    The SDK's own clients have no timeout (sync), or repeat a request after a 5xx (async).
    """

    def __init__(self) -> None:
        super().__init__(logger=None, is_async=False, timeout=None)
        self._base = urlsplit(settings.TWILIO_API_BASE_URL)
        self._pool = PoolManager(
            num_pools=2,
            maxsize=settings.LANE_CONCURRENCY,
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
        target_url = urlunsplit(urlsplit(url)._replace(scheme=self._base.scheme, netloc=self._base.netloc))
        request_headers = dict(headers or {})
        if auth is not None:
            request_headers |= _authorization(auth)
        if data:
            request_headers["Content-Type"] = "application/x-www-form-urlencoded"
        query = f"?{_encode(params)}" if params else ""
        body = _encode(data)
        try:
            response = self._pool.urlopen(method, target_url + query, body=body, headers=request_headers)
        except RequestNotSent as error:
            if error.is_setup_fault:
                reason = f"No valid connection to Twilio ({error}): check TWILIO_API_BASE_URL."
                raise ChannelBroken(reason) from error
            raise ProviderUnavailable(f"Twilio could not be reached ({error}).") from error
        except urllib3.exceptions.HTTPError as error:
            raise ProviderOutcomeUnknown(f"No response from Twilio ({type(error).__name__}).") from error
        return Response(response.status, _json_text(response), dict(response.headers))


def _authorization(auth: tuple[str, str]) -> dict[str, str]:
    try:
        return urllib3.make_headers(basic_auth=":".join(auth))
    except UnicodeError as error:
        raise ChannelBroken("TWILIO_AUTH_TOKEN has characters that cannot be sent.") from error


def _encode(fields: dict[str, object] | None) -> str | None:
    try:
        return urlencode({name: value for name, value in fields.items() if value is not None}) if fields else None
    except UnicodeError as error:
        raise ProviderRejected("The message has characters that cannot be encoded.") from error


def _json_text(response: urllib3.BaseHTTPResponse) -> str:
    """Return the body, which is a JSON object. Raises ProviderRateLimited for every 429, with its Retry-After."""
    text = response.data.decode("utf-8", errors="replace")
    content = _parse_object(text)
    if response.status == 429:  # "aren't processed and are safe to retry" (twilio.com/docs/api/errors/20429)
        raise ProviderRateLimited(
            f"Twilio: {content.get('message', 'too many requests')}",
            code=str(content.get("code") or ""),
            http_status=response.status,
            retry_after=parse_retry_after(response.headers.get("Retry-After")),
        )
    if not content:
        # For example a proxy's error page. After a 5xx it is unknown whether Twilio has processed the request.
        reason = f"Twilio responded {response.status} without JSON: check TWILIO_API_BASE_URL."
        is_refusal = 300 <= response.status < 500 and response.status != 408
        raise (ChannelBroken if is_refusal else ProviderOutcomeUnknown)(reason, http_status=response.status)
    return text


def _parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object, or an empty one if the text is not an object."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
