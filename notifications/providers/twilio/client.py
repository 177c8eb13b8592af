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

from foundation.retry_after import parse_retry_after
from notifications.providers.base import ProviderOutcomeUnknown, ProviderRateLimited, ProviderUnavailable

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
        self._pool = urllib3.PoolManager(
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
            request_headers |= urllib3.make_headers(basic_auth=":".join(auth))
        if data:
            request_headers["Content-Type"] = "application/x-www-form-urlencoded"
        query = f"?{_encode(params)}" if params else ""
        try:
            response = self._pool.urlopen(
                method, target_url + query, body=_encode(data), headers=request_headers, redirect=False
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise ProviderUnavailable(f"Twilio could not be reached ({type(error).__name__}).") from error
        except urllib3.exceptions.HTTPError as error:
            raise ProviderOutcomeUnknown(f"No response from Twilio ({type(error).__name__}).") from error
        return Response(response.status, _json_text(response), dict(response.headers))


def _encode(fields: dict[str, object] | None) -> str | None:
    return urlencode({name: value for name, value in fields.items() if value is not None}) if fields else None


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
        # For example a proxy's error page: whether Twilio has processed the request is unknown.
        reason = f"Twilio responded {response.status} without JSON."
        raise ProviderOutcomeUnknown(reason, http_status=response.status)
    return text


def _parse_object(text: str) -> dict[str, Any]:
    """Return the JSON object, or an empty one if the text is not an object."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
