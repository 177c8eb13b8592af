"""Wait for servers that have just been started."""

from __future__ import annotations

import socket
import time

START_SECONDS = 20


def wait_for_port(port: int) -> None:
    """Return once a server listens on this port of loopback. Raises AssertionError after START_SECONDS."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < end, f"No server listens on port {port}"
            time.sleep(0.05)
        else:
            return
