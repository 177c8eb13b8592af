"""A circuit breaker: stop calling a service that does not respond, so that requests fail fast instead of waiting."""

from __future__ import annotations

import threading
import time


class CircuitBreaker:
    """Opens after ``failures`` failed calls in a row; then allows one call every ``pause_seconds`` until one succeeds.

    It is shared by the threads of one process; each process has its own.
    """

    def __init__(self, *, failures: int, pause_seconds: float) -> None:
        self._max_failures = failures
        self._pause = pause_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._next_call_at = 0.0  # in monotonic seconds
        self._paused_until = 0.0

    def allows_call(self) -> bool:
        """Return whether to call now. While one call tests an open breaker, the others are refused."""
        with self._lock:
            now = time.monotonic()
            if now < self._paused_until:
                return False
            if self._failures < self._max_failures:
                return True
            if now < self._next_call_at:
                return False
            self._next_call_at = now + self._pause
            return True

    def pause(self, seconds: float) -> None:
        """Allow no call for ``seconds``, as the service asks; a longer pause remains."""
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def paused_seconds(self) -> float:
        """Return the remaining seconds of a pause, or 0."""
        with self._lock:
            return max(0.0, self._paused_until - time.monotonic())

    def record_failure(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures == self._max_failures:
                self._next_call_at = time.monotonic() + self._pause

    def record_success(self) -> None:
        with self._lock:
            self._failures = 0
