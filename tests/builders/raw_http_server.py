"""A server on loopback that takes requests and breaks HTTP."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

WAIT_SECONDS = 20


class End(Enum):
    CLOSE = "close the connection"
    RESET = "reset the connection"
    HANG = "keep the connection open"


class RawServer:
    """Reads each request, sends ``response``, and ends the connection with ``end``.

    ``reads``: "request", "start" (of a TLS handshake), or "nothing".
    """

    def __init__(self, response: bytes, end: End, reads: str) -> None:
        self.response, self.end, self.reads = response, end, reads
        self.requests: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.stopped = threading.Event()

    def serve(self) -> None:
        while True:
            client, _ = self.listener.accept()
            with client, suppress(OSError):
                if self.stopped.is_set():
                    return
                self._serve_one(client)

    def _serve_one(self, client: socket.socket) -> None:
        if self.reads == "nothing":
            self.stopped.wait(0.3)  # the client fills the buffers of both sockets
        elif self.reads == "start":
            client.recv(1)
        else:
            self.requests.append(_read_request(client))
        client.sendall(self.response)
        if self.end is End.HANG:
            self.stopped.wait(WAIT_SECONDS)
        elif self.end is End.RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _read_request(client: socket.socket) -> bytes:
    request = b""
    while b"\r\n\r\n" not in request:
        request += client.recv(65536)
    head, _, body = request.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(lengths[0] if lengths else 0) - len(body)
    while missing > 0:
        body += client.recv(missing)
        missing = int(lengths[0]) - len(body)
    return head + b"\r\n\r\n" + body


@contextmanager
def raw_http_server(response: bytes = b"", end: End = End.CLOSE, *, reads: str = "request") -> Iterator[RawServer]:
    """Run a server until the block ends."""
    server = RawServer(response, end, reads)
    thread = threading.Thread(target=server.serve)
    with server.listener:
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            socket.create_connection(server.listener.getsockname()).close()
            thread.join(WAIT_SECONDS)
