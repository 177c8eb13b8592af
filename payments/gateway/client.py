"""The Razorpay SDK's client with typed outcomes, hard timeouts, no redirects and current root certificates."""

from __future__ import annotations

from typing import Any

import razorpay
import requests
from django.conf import settings

from foundation.http_requests import Adapter, RequestNotSent
from foundation.retry_after import parse_retry_after
from payments.gateway.errors import GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected

# Timeouts while a customer waits. READ_SECONDS limits each read; DEADLINE_SECONDS limits the whole call.
CONNECT_SECONDS, READ_SECONDS = 0.1, 0.3


class RazorpayClient(razorpay.Client):
    """A client for one thread."""

    def __init__(self, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS) -> None:
        super().__init__(
            auth=(settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET), base_url=settings.RAZORPAY_API_BASE_URL
        )
        self.cert_path = True  # use the bundle of requests: the SDK's own is from 2015
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, Adapter())
        self._timeout = (connect_seconds, read_seconds)

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        options = self._update_user_agent_header(options)
        try:
            response = getattr(self.session, method)(
                f"{self.base_url}{path}",
                auth=self.auth,
                verify=self.cert_path,
                timeout=self._timeout,
                allow_redirects=False,
                **options,
            )
        except (RequestNotSent, ValueError) as error:  # ValueError: a URL, header or body that cannot be written
            raise GatewayNotSent(f"Razorpay could not be reached ({error}).") from error
        except OSError as error:  # also of requests
            raise GatewayOutcomeUnknown(f"No readable response from Razorpay ({type(error).__name__}).") from error
        return _read_response(response)


def _read_response(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = None
    retry_after = parse_retry_after(response.headers.get("Retry-After"))
    if response.status_code == requests.codes.too_many_requests:
        raise GatewayNotSent("Razorpay's rate limit was reached.", retry_after=retry_after)
    if response.status_code in (requests.codes.unauthorized, requests.codes.forbidden):
        # A fault of our set-up, not of the order or refund, which waits until a person corrects it.
        raise GatewayNotSent(
            "Razorpay refused our key: correct RAZORPAY_KEY_ID and RAZORPAY_KEY_SECRET.", retry_after=retry_after
        )
    if 400 <= response.status_code < 500 and response.status_code not in (408, 409) and isinstance(body, dict):
        error = body.get("error")
        reason = error.get("description") if isinstance(error, dict) else error
        raise GatewayRejected(str(reason or f"Razorpay responded {response.status_code}."))
    if response.status_code != requests.codes.ok or not isinstance(body, dict):
        reason = f"Razorpay responded {response.status_code} without a result."
        raise GatewayOutcomeUnknown(reason, retry_after=retry_after)
    return body
