import threading

import pytest
from django.db import transaction

from payments.gateway import deadline
from payments.gateway.errors import GatewayNotSent
from tests.builders.payments import checkout


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
