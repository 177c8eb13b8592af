"""Run gateway calls: with a deadline while a customer waits, and without one in the background.

Both refuse to run inside a transaction, which would hold its locks during the call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DeadlineExceeded
from typing import TypeVar

from django.conf import settings
from django.db import connection

from payments.gateway.circuit_breaker import CircuitBreaker
from payments.gateway.client import CONNECT_SECONDS, READ_SECONDS, RazorpayClient
from payments.gateway.errors import GatewayError, GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected

DEADLINE_SECONDS = 0.38  # for a whole call while a customer waits
BACKGROUND_CONNECT_SECONDS, BACKGROUND_READ_SECONDS = 3.0, 8.0
MAX_CONCURRENT_CALLS = 16

Result = TypeVar("Result")

# It opens for calls while a customer waits; a pause that Razorpay asks for applies to every call of this process.
circuit_breaker = CircuitBreaker(failures=5, pause_seconds=5)
_local = threading.local()
_executor = ThreadPoolExecutor(MAX_CONCURRENT_CALLS, thread_name_prefix="razorpay")


def call_within_deadline(call: Callable[[RazorpayClient], Result]) -> Result:
    """Run a call while a customer waits. Raises GatewayError, at the latest when the deadline passes."""
    _refuse_inside_transaction()
    _refuse_while_paused()
    if not circuit_breaker.allows_call():
        raise GatewayNotSent("Razorpay has not responded recently.")
    try:
        result = _call_with_timeout(call)
    except (GatewayNotSent, GatewayOutcomeUnknown) as error:
        circuit_breaker.record_failure()
        _pause_after(error)
        raise
    except GatewayRejected:
        circuit_breaker.record_success()
        raise
    circuit_breaker.record_success()
    return result


def call_without_deadline(call: Callable[[RazorpayClient], Result]) -> Result:
    """Run a call in the background, with longer timeouts. Raises GatewayError."""
    _refuse_inside_transaction()
    _refuse_while_paused()
    try:
        return call(_thread_client(BACKGROUND_CONNECT_SECONDS, BACKGROUND_READ_SECONDS))
    except (GatewayNotSent, GatewayOutcomeUnknown) as error:
        _pause_after(error)
        raise


def _call_with_timeout(call: Callable[[RazorpayClient], Result]) -> Result:
    future: Future[Result] = _executor.submit(lambda: call(_thread_client(CONNECT_SECONDS, READ_SECONDS)))
    try:
        return future.result(timeout=DEADLINE_SECONDS)
    except DeadlineExceeded as error:
        if future.cancel():
            raise GatewayNotSent("Too many calls to Razorpay are in progress.") from error
        raise GatewayOutcomeUnknown("Razorpay did not respond in time.") from error


def _pause_after(error: GatewayError) -> None:
    if error.retry_after:
        circuit_breaker.pause(error.retry_after)


def _refuse_while_paused() -> None:
    if seconds := circuit_breaker.paused_seconds():
        raise GatewayNotSent("Razorpay has asked us to wait.", retry_after=seconds)


def _thread_client(connect_seconds: float, read_seconds: float) -> RazorpayClient:
    # requests does not document its sessions as thread-safe.
    clients: dict[tuple[object, ...], RazorpayClient] = _local.__dict__.setdefault("clients", {})
    key = (connect_seconds, read_seconds, settings.RAZORPAY_API_BASE_URL, settings.RAZORPAY_KEY_ID)
    if key not in clients:
        clients[key] = RazorpayClient(connect_seconds, read_seconds)
    return clients[key]


def _refuse_inside_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("A gateway call inside a transaction would hold its locks during the call")
