import pytest

from payments.gateway.circuit_breaker import CircuitBreaker


@pytest.fixture
def clock(monkeypatch):
    """Set the monotonic clock of the circuit breaker."""
    now = [100.0]
    monkeypatch.setattr("payments.gateway.circuit_breaker.time.monotonic", lambda: now[0])
    return now


def test_paused_circuit_breaker_allows_no_call_until_the_pause_is_over(clock):
    breaker = CircuitBreaker(failures=5, pause_seconds=5)
    breaker.pause(30)
    clock[0] += 29
    during = (breaker.allows_call(), breaker.paused_seconds())

    clock[0] += 1

    assert during == (False, 1)
    assert (breaker.allows_call(), breaker.paused_seconds()) == (True, 0)


def test_shorter_pause_does_not_end_a_longer_one(clock):
    breaker = CircuitBreaker(failures=5, pause_seconds=5)

    breaker.pause(30)
    breaker.pause(1)

    assert breaker.paused_seconds() == 30
