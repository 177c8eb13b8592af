import threading

import pytest
from django.db import transaction

from payments.gateway import deadline
from payments.gateway.errors import GatewayNotSent
from tests.builders.payments import checkout


@pytest.mark.short_deadline
def test_gateway_call_without_a_free_thread_is_not_sent():
    gate, started = threading.Event(), threading.Semaphore(0)

    def block():
        started.release()
        gate.wait(10)
        return {}

    busy = [deadline._executor.submit(block) for _ in range(deadline.MAX_CONCURRENT_CALLS)]
    for _ in busy:
        started.acquire()
    sent = []
    with pytest.raises(GatewayNotSent):
        deadline.call_within_deadline(lambda: sent.append("sent") or {})
    gate.set()
    for call in busy:
        call.result()

    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_gateway_call_inside_a_transaction_is_refused(sandbox):
    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        checkout()
