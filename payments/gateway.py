"""Razorpay, and nothing else. The only module that imports its SDK or knows its words.

Every call ends in a result or in one of three answers to "did it happen?": Rejected (no), NotSent (no, and it may be
tried again), OutcomeUnknown (ask the gateway before trying again).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DeadlinePassed
from dataclasses import dataclass
from typing import Any

import razorpay
import requests
from django.conf import settings
from django.db import connection

CONNECT_SECONDS, READ_SECONDS = 0.1, 0.3
# A read timeout bounds each read, not the whole answer: a gateway that drips bytes is cut off here.
DEADLINE_SECONDS = 0.38
CALLERS = 16

ORDER_ID = re.compile(r"order_[A-Za-z0-9]{1,34}")
SIGNATURE = re.compile(r"[0-9a-f]{64}")


class GatewayError(Exception):
    """The call brought no result; the subclass says whether it took effect."""


class Rejected(GatewayError):
    """The gateway refused: nothing happened, and the same request will be refused again."""


class NotSent(GatewayError):
    """Nothing happened: the gateway was not reached, or asked us to come back later."""


class OutcomeUnknown(GatewayError):
    """It may have happened. Look it up by its receipt before trying again."""


@dataclass(frozen=True)
class GatewayOrder:
    """An order as the gateway holds it; ``amount_minor`` in minor units of ``currency``."""

    order_id: str
    amount_minor: int
    currency: str
    receipt: str


def create_order(*, amount_minor: int, currency: str, receipt: str, notes: dict[str, str]) -> GatewayOrder:
    """Ask Razorpay for an order, within 0.4 s. Raises Rejected, NotSent or OutcomeUnknown.

    Razorpay captures a payment by itself once it is authorised; money authorised later than 12 minutes goes back.
    """
    body = {
        "amount": amount_minor,
        "currency": currency,
        "receipt": receipt,
        "notes": notes,
        "payment": {
            "capture": "automatic",
            "capture_options": {"automatic_expiry_period": 12, "manual_expiry_period": 7200, "refund_speed": "normal"},
        },
    }
    answer = _within_deadline(lambda: _client().order.create(body))
    return _read_order(answer)


def signature_is_valid(*, order_id: str, payment_id: str, signature: str) -> bool:
    """Whether Razorpay signed this payment of this order. Pass the *stored* order id, never the caller's."""
    if not SIGNATURE.fullmatch(signature):
        return False
    message = f"{order_id}|{payment_id}".encode()
    expected = hmac.new(settings.RAZORPAY_KEY_SECRET.encode(), message, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, signature)


class _Client(razorpay.Client):
    """The SDK's client with typed outcomes, hard timeouts, no redirects and today's root certificates."""

    def __init__(self) -> None:
        super().__init__(
            auth=(settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET), base_url=settings.RAZORPAY_API_BASE_URL
        )
        self.cert_path = True  # the SDK's own bundle is of 2015

    def request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        options = self._update_user_agent_header(options)
        try:
            response = getattr(self.session, method)(
                f"{self.base_url}{path}",
                auth=self.auth,
                verify=self.cert_path,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                **options,
            )
        except requests.ConnectTimeout as error:
            raise NotSent("Razorpay could not be reached.") from error
        except requests.ConnectionError as error:
            raise _connection_verdict(error) from error
        except requests.RequestException as error:
            raise OutcomeUnknown(f"Razorpay gave no readable answer ({type(error).__name__}).") from error
        return _read_answer(response)


def _connection_verdict(error: requests.ConnectionError) -> GatewayError:
    # urllib3 wraps a refused or unresolvable address in NewConnectionError; anything else broke after the request left.
    if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error):
        return NotSent("Razorpay could not be reached.")
    return OutcomeUnknown("The connection to Razorpay broke before its answer came.")


def _read_answer(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        answer = None
    if response.status_code == requests.codes.too_many_requests:
        raise NotSent("Razorpay asks for fewer calls.")
    if 400 <= response.status_code < 500 and response.status_code not in (408, 409) and isinstance(answer, dict):
        error = answer.get("error")
        reason = error.get("description") if isinstance(error, dict) else error
        raise Rejected(str(reason or f"Razorpay answered {response.status_code}."))
    if response.status_code != requests.codes.ok or not isinstance(answer, dict):
        raise OutcomeUnknown(f"Razorpay answered {response.status_code} without a result.")
    return answer


def _read_order(answer: dict[str, Any]) -> GatewayOrder:
    try:
        order = GatewayOrder(answer["id"], answer["amount"], answer["currency"], answer["receipt"])
    except KeyError as error:
        raise OutcomeUnknown(f"Razorpay's order lacks {error}.") from error
    if not ORDER_ID.fullmatch(str(order.order_id)):
        raise OutcomeUnknown("Razorpay's order id has an unknown form.")
    return order


_local = threading.local()
_callers = ThreadPoolExecutor(CALLERS, thread_name_prefix="razorpay")


def _client() -> _Client:
    # requests never promised that a session may be shared between threads.
    if not hasattr(_local, "client"):
        _local.client = _Client()
    client: _Client = _local.client
    return client


def _within_deadline(call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if connection.in_atomic_block:
        raise RuntimeError("A gateway call inside a transaction would hold its locks while the gateway thinks.")
    future: Future[dict[str, Any]] = _callers.submit(call)
    try:
        return future.result(timeout=DEADLINE_SECONDS)
    except DeadlinePassed as error:
        if future.cancel():
            raise NotSent("Too many calls to Razorpay are waiting.") from error
        raise OutcomeUnknown("Razorpay took too long to answer.") from error
