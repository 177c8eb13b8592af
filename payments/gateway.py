"""Razorpay, and nothing else. The only module that imports its SDK.

Every call ends in a result or in one of three answers to "did it happen?": Rejected (no), NotSent (no, and it may be
tried again), OutcomeUnknown (ask the gateway before trying again).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DeadlinePassed
from datetime import datetime
from typing import Any, TypeVar

import razorpay
import requests
from django.conf import settings
from django.db import connection

from payments.breaker import CircuitBreaker
from payments.entities import (
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    Unreadable,
    read_order,
    read_payment,
    read_refund,
)

# While a customer waits for the answer. A read timeout bounds each read and not the whole: the deadline does.
CONNECT_SECONDS, READ_SECONDS, DEADLINE_SECONDS = 0.1, 0.3, 0.38
PATIENT_CONNECT_SECONDS, PATIENT_READ_SECONDS = 3.0, 8.0  # while nobody waits
CALLERS = 16
PAGE = 100  # the most that a list answers at once

SIGNATURE = re.compile(r"[0-9a-f]{64}")

Answer = TypeVar("Answer")


class GatewayError(Exception):
    """The call brought no result; the subclass says whether it took effect."""


class Rejected(GatewayError):
    """The gateway refused: nothing happened, and the same request will be refused again."""


class NotSent(GatewayError):
    """Nothing happened: the gateway was not reached, or asked us to come back later."""


class OutcomeUnknown(GatewayError):
    """It may have happened. Look it up before trying again."""


# --- while a customer waits ---


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
    return _within_deadline(lambda: _read(read_order, _client().order.create(body)))


def find_order(receipt: str, *, in_time: bool = True) -> GatewayOrder | None:
    """Return the order that was made with ``receipt``. Raises Rejected, NotSent or OutcomeUnknown.

    ``in_time``: within 0.4 s, for somebody who waits.
    """

    def ask(client: _Client) -> GatewayOrder | None:
        found = [_read(read_order, item) for item in _items(client.order.all({"receipt": receipt, "count": PAGE}))]
        return next((order for order in found if order.receipt == receipt), None)

    return _within_deadline(lambda: ask(_client())) if in_time else _patiently(ask)


def signature_is_valid(*, order_id: str, payment_id: str, signature: str) -> bool:
    """Whether Razorpay signed this payment of this order. Pass the *stored* order id, never the caller's."""
    message = f"{order_id}|{payment_id}".encode()
    return _is_signed(message, signature, settings.RAZORPAY_KEY_SECRET)


def webhook_is_genuine(body: bytes, signature: str) -> bool:
    """Whether Razorpay signed these very bytes. Several secrets count, since old events come with an old one."""
    return any(_is_signed(body, signature, secret) for secret in settings.RAZORPAY_WEBHOOK_SECRETS)


def _is_signed(message: bytes, signature: str, secret: str) -> bool:
    if not secret or not SIGNATURE.fullmatch(signature):  # an empty secret would verify what anybody can sign
        return False
    return hmac.compare_digest(hmac.new(secret.encode(), message, hashlib.sha256).hexdigest(), signature)


# --- while nobody waits; from any thread, and each raises Rejected, NotSent or OutcomeUnknown ---


def fetch_order(order_id: str) -> GatewayOrder:
    return _patiently(lambda client: _read(read_order, client.order.fetch(order_id)))


def list_order_payments(order_id: str) -> list[GatewayPayment]:
    return _patiently(lambda client: [_read(read_payment, item) for item in _items(client.order.payments(order_id))])


def fetch_payment(payment_id: str) -> GatewayPayment:
    return _patiently(lambda client: _read(read_payment, client.payment.fetch(payment_id)))


def capture_payment(payment_id: str, *, amount_minor: int, currency: str) -> GatewayPayment:
    """Take an authorised payment's money. A second call is Rejected: fetch the payment to see what became of it."""
    body = {"amount": amount_minor, "currency": currency}  # the SDK writes into its shared default otherwise
    return _patiently(lambda client: _read(read_payment, client.payment.capture(payment_id, amount_minor, body)))


def refund_payment(payment_id: str, *, amount_minor: int, key: str) -> GatewayRefund:
    """Pay back. The same ``key`` is the same refund, however often it is asked for; its body never changes."""
    body = {"amount": amount_minor, "speed": "normal", "receipt": key}
    headers = {"X-Refund-Idempotency": key}
    return _patiently(lambda client: _read(read_refund, client.payment.refund(payment_id, body, headers=headers)))


def fetch_refund(refund_id: str) -> GatewayRefund:
    return _patiently(lambda client: _read(read_refund, client.refund.fetch(refund_id)))


def list_payment_refunds(payment_id: str) -> list[GatewayRefund]:
    return _patiently(
        lambda client: [
            _read(read_refund, item)
            for item in _items(client.payment.fetch_multiple_refund(payment_id, {"count": PAGE}))
        ]
    )


def list_payments(since: datetime, until: datetime) -> Iterator[GatewayPayment]:
    """Yield every payment that was begun between the two, newest first, asking page by page."""
    for item in _pages(lambda query: _patiently(lambda client: _items(client.payment.all(query))), since, until):
        yield _read(read_payment, item)


def list_refunds(since: datetime, until: datetime) -> Iterator[GatewayRefund]:
    """Yield every refund that was made between the two, newest first, asking page by page."""
    for item in _pages(lambda query: _patiently(lambda client: _items(client.refund.all(query))), since, until):
        yield _read(read_refund, item)


def _pages(
    ask: Callable[[dict[str, int]], list[dict[str, Any]]], since: datetime, until: datetime
) -> Iterator[dict[str, Any]]:
    skip = 0
    while True:
        span = {"from": int(since.timestamp()), "to": int(until.timestamp())}
        items = ask({**span, "count": PAGE, "skip": skip})
        yield from items
        if len(items) < PAGE:
            return
        skip += PAGE


# --- the wire ---


class _Client(razorpay.Client):
    """The SDK's client with typed outcomes, hard timeouts, no redirects and today's root certificates."""

    def __init__(self, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS) -> None:
        super().__init__(
            auth=(settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET), base_url=settings.RAZORPAY_API_BASE_URL
        )
        self.cert_path = True  # the SDK's own bundle is of 2015
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


def _items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    items = answer.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise OutcomeUnknown("Razorpay's list has an unknown form.")
    return items


def _read(read: Callable[[dict[str, Any]], Answer], entity: dict[str, Any]) -> Answer:
    try:
        return read(entity)
    except Unreadable as error:
        raise OutcomeUnknown(f"Razorpay's answer cannot be read: {error}") from error


breaker = CircuitBreaker(failures=5, pause_seconds=5)  # for calls that somebody waits for
_local = threading.local()
_callers = ThreadPoolExecutor(CALLERS, thread_name_prefix="razorpay")


def _client(connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS) -> _Client:
    # requests never promised that a session may be shared between threads.
    clients: dict[tuple[object, ...], _Client] = _local.__dict__.setdefault("clients", {})
    key = (connect_seconds, read_seconds, settings.RAZORPAY_API_BASE_URL, settings.RAZORPAY_KEY_ID)
    if key not in clients:
        clients[key] = _Client(connect_seconds, read_seconds)
    return clients[key]


def _patiently(call: Callable[[_Client], Answer]) -> Answer:
    _refuse_inside_transaction()
    return call(_client(PATIENT_CONNECT_SECONDS, PATIENT_READ_SECONDS))


def _within_deadline(call: Callable[[], Answer]) -> Answer:
    _refuse_inside_transaction()
    if not breaker.lets_through():
        raise NotSent("Razorpay has not answered lately.")
    try:
        answer = _call_in_time(call)
    except (NotSent, OutcomeUnknown):
        breaker.note_failure()
        raise
    except Rejected:
        breaker.note_answer()
        raise
    breaker.note_answer()
    return answer


def _call_in_time(call: Callable[[], Answer]) -> Answer:
    future: Future[Answer] = _callers.submit(call)
    try:
        return future.result(timeout=DEADLINE_SECONDS)
    except DeadlinePassed as error:
        if future.cancel():
            raise NotSent("Too many calls to Razorpay are waiting.") from error
        raise OutcomeUnknown("Razorpay took too long to answer.") from error


def _refuse_inside_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("A gateway call inside a transaction would hold its locks while the gateway thinks.")
