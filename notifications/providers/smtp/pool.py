"""Connections to the mail server, reused between messages: servers limit their number and the rate of new ones."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from notifications.providers.smtp.configuration import Configuration
from notifications.providers.smtp.connection import Connection

# Shorter than servers wait for the next command: RFC 5321 says 5 minutes, Postfix under stress waits 10 seconds.
IDLE_SECONDS = 5.0


class ConnectionPool:
    """Idle connections, each closed after IDLE_SECONDS. Thread-safe.

    The most recently used one is reused first, so that surplus connections become idle and are closed. Connections are
    only kept while this process drains a lane: the next process needs those that the server allows.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Connection]] = []  # with the time since when, oldest first
        self._is_keeping = False
        self._closer: threading.Thread | None = None
        self._wake_closer = threading.Event()

    @contextmanager
    def keeping(self) -> Iterator[None]:
        """Keep connections in the block; close those that are idle at its end, and later ones after their message."""
        self._is_keeping = True
        try:
            yield
        finally:
            self._is_keeping = False
            self._wake_closer.set()

    def take(self, configuration: Configuration) -> Connection | None:
        """Return an idle connection with this configuration, or None. The server may have closed it meanwhile."""
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index][1].configuration == configuration:
                    return self._idle.pop(index)[1]
        return None

    def keep(self, connection: Connection) -> None:
        """Keep the connection for another message, or close it. Never raises: the server has accepted a message."""
        if not self._is_keeping:
            connection.close()
            return
        try:
            with self._lock:
                self._ensure_closer()
                self._idle.append((time.monotonic(), connection))
        except RuntimeError:  # the system's limit of threads: nothing would close it later
            connection.close()

    def close_all(self) -> None:
        self._close_kept_before(time.monotonic())

    def _ensure_closer(self) -> None:
        if self._closer is None:
            self._wake_closer.clear()
            closer = threading.Thread(target=self._close_idle, name="smtp-closer", daemon=True)
            closer.start()
            self._closer = closer

    def _close_idle(self) -> None:
        """Close what is idle for too long; end when nothing is left."""
        while True:
            self._wake_closer.wait(IDLE_SECONDS / 4)
            self._close_kept_before(time.monotonic() - (IDLE_SECONDS if self._is_keeping else 0))
            with self._lock:
                if not self._idle:
                    self._closer = None
                    return

    def _close_kept_before(self, limit: float) -> None:
        with self._lock:
            count = next((index for index, (at, _) in enumerate(self._idle) if at > limit), len(self._idle))
            expired, self._idle = self._idle[:count], self._idle[count:]
        for _, connection in expired:
            connection.close()


connections = ConnectionPool()
