"""Run gateway calls with a deadline while a customer waits, and without one in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DeadlinePassed
from typing import TypeVar

from django.conf import settings
from django.db import connection

from payments.gateway.circuit_breaker import CircuitBreaker
from payments.gateway.client import CONNECT_SECONDS, READ_SECONDS, RazorpayClient
from payments.gateway.errors import GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected

DEADLINE_SECONDS = 0.38  # of a call while a customer waits
BACKGROUND_CONNECT_SECONDS, BACKGROUND_READ_SECONDS = 3.0, 8.0
MAX_CONCURRENT_CALLS = 16

Result = TypeVar("Result")

circuit_breaker = CircuitBreaker(failures=5, pause_seconds=5)  # for calls while a customer waits
_local = threading.local()
_callers = ThreadPoolExecutor(MAX_CONCURRENT_CALLS, thread_name_prefix="razorpay")


def get_client(connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS) -> RazorpayClient:
    # requests never promised that a session may be shared between threads.
    clients: dict[tuple[object, ...], RazorpayClient] = _local.__dict__.setdefault("clients", {})
    key = (connect_seconds, read_seconds, settings.RAZORPAY_API_BASE_URL, settings.RAZORPAY_KEY_ID)
    if key not in clients:
        clients[key] = RazorpayClient(connect_seconds, read_seconds)
    return clients[key]


def call_without_deadline(call: Callable[[RazorpayClient], Result]) -> Result:
    _refuse_inside_transaction()
    return call(get_client(BACKGROUND_CONNECT_SECONDS, BACKGROUND_READ_SECONDS))


def call_within_deadline(call: Callable[[], Result]) -> Result:
    _refuse_inside_transaction()
    if not circuit_breaker.allows_call():
        raise GatewayNotSent("Razorpay has not answered lately.")
    try:
        answer = _call_in_time(call)
    except (GatewayNotSent, GatewayOutcomeUnknown):
        circuit_breaker.record_failure()
        raise
    except GatewayRejected:
        circuit_breaker.record_success()
        raise
    circuit_breaker.record_success()
    return answer


def _call_in_time(call: Callable[[], Result]) -> Result:
    future: Future[Result] = _callers.submit(call)
    try:
        return future.result(timeout=DEADLINE_SECONDS)
    except DeadlinePassed as error:
        if future.cancel():
            raise GatewayNotSent("Too many calls to Razorpay are waiting.") from error
        raise GatewayOutcomeUnknown("Razorpay took too long to answer.") from error


def _refuse_inside_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("A gateway call inside a transaction would hold its locks while the gateway thinks.")
