"""An HTTP server on loopback with a scripted response, which records its requests."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ScriptedServer(ThreadingHTTPServer):
    """Gives every request the same response: ``status``, ``headers`` and ``body``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.headers, self.body = 200, {}, b"{}"
        self.requests: list[str] = []
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}"

    def respond(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        """Set the response; ``Retry_After`` names the header Retry-After."""
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a client that refuses the certificate ends the handshake."""


@contextmanager
def scripted_server(tls_context: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """Run a server until the block ends, with TLS if there is a context."""
    server = ScriptedServer()
    if tls_context is not None:
        server.scheme = "https"
        server.socket = tls_context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_GET(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.server.status)
        for name, value in {**self.server.headers, "Content-Length": str(len(self.server.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.server.body)

    do_POST = do_GET

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""
