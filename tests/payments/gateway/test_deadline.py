import threading

import pytest
from django.db import transaction

from payments.gateway import deadline
from payments.gateway.circuit_breaker import CircuitBreaker
from payments.gateway.errors import GatewayNotSent, GatewayOutcomeUnknown
from tests.builders.http_server import scripted_server
from tests.builders.payments import checkout


@pytest.fixture
def razorpay(settings, monkeypatch):
    monkeypatch.setattr(deadline, "circuit_breaker", CircuitBreaker(failures=5, pause_seconds=5))
    with scripted_server() as server:
        settings.RAZORPAY_API_BASE_URL = server.url
        yield server


def fetch_order(client):
    return client.order.fetch("order_1")


@pytest.mark.short_deadline
def test_gateway_call_without_a_free_thread_is_not_sent():
    release, started = threading.Event(), threading.Semaphore(0)

    def block():
        started.release()
        release.wait(10)
        return {}

    blocked_calls = [deadline._executor.submit(block) for _ in range(deadline.MAX_CONCURRENT_CALLS)]
    for _ in blocked_calls:
        started.acquire()
    executed_calls = []
    with pytest.raises(GatewayNotSent):
        deadline.call_within_deadline(executed_calls.append)
    release.set()
    for call in blocked_calls:
        call.result()

    assert executed_calls == []


@pytest.mark.django_db(transaction=True)
def test_gateway_call_inside_a_transaction_is_refused(sandbox):
    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        checkout()


@pytest.mark.parametrize("first", [deadline.call_within_deadline, deadline.call_without_deadline])
@pytest.mark.parametrize("second", [deadline.call_within_deadline, deadline.call_without_deadline])
@pytest.mark.parametrize(("status", "error_type"), [(429, GatewayNotSent), (503, GatewayOutcomeUnknown)])
@pytest.mark.parametrize(("header", "calls"), [("30", 1), ("", 2)])
def test_gateway_gets_no_call_before_the_time_of_its_retry_after(
    razorpay, first, second, status, error_type, header, calls
):
    razorpay.respond(status, Retry_After=header)
    with pytest.raises(error_type):
        first(fetch_order)

    with pytest.raises(GatewayNotSent if header else error_type) as caught:
        second(fetch_order)

    assert len(razorpay.requests) == calls
    assert (caught.value.retry_after or 0) == pytest.approx(30 if header else 0, abs=5)
