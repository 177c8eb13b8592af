"""Stops asking a service that does not answer, so that nobody waits for what will not come."""

from __future__ import annotations

import threading
import time


class CircuitBreaker:
    """Opens after so many failures in a row; then lets one call through every ``pause_seconds`` until one works.

    For the threads of one process; each process finds out by itself.
    """

    def __init__(self, *, failures: int, pause_seconds: float) -> None:
        self._limit = failures
        self._pause = pause_seconds
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_again_at = 0.0  # monotonic seconds

    def allows_call(self) -> bool:
        """Whether to call now. The call that tries whether all is well again keeps the others waiting."""
        with self._lock:
            if self._failures < self._limit:
                return True
            now = time.monotonic()
            if now < self._closed_again_at:
                return False
            self._closed_again_at = now + self._pause
            return True

    def record_failure(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures == self._limit:
                self._closed_again_at = time.monotonic() + self._pause

    def record_success(self) -> None:
        with self._lock:
            self._failures = 0
