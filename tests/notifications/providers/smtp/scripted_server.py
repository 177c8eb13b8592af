"""A mail server that follows a script: a reply per step, or a fault instead of one."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum

WAIT_SECONDS = 20  # longer than any test waits


class Fault(Enum):
    HANG = "no reply"
    CLOSE = "the server closes the connection"
    RESET = "the server resets the connection"


Reply = str | Fault
Script = dict[str, Reply | list[Reply]]

REPLIES: Script = {
    "banner": "220 mail.example ESMTP",
    "EHLO": "250-mail.example\r\n250-AUTH PLAIN\r\n250 STARTTLS",
    "HELO": "250 mail.example",
    "STARTTLS": "220 2.0.0 Ready",
    "AUTH": "235 2.7.0 Authenticated",
    "MAIL": "250 2.1.0 OK",
    "RCPT": "250 2.1.5 OK",
    "DATA": "354 End with a dot",
    "end of data": "250 2.0.0 Queued",
    "QUIT": "221 2.0.0 Bye",
}


class _Ended(Exception):
    """The session is over."""


@dataclass
class ScriptedServer:
    """``scripts[n]`` overrides REPLIES in connection n; the last script also applies to later connections.

    A list has the replies to the first, second, … occurrence of a step in the connection; the last one repeats. Steps
    without a reply by default: ``handshake`` (of TLS), ``text`` (after 354, before the text is read), and ``idle``
    (after the reply to the end of data).
    """

    scripts: Sequence[Script]
    context: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0
    commands: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            sock, _ = listener.accept()
            if self.stopped.is_set():
                sock.close()
                return
            script = REPLIES | self.scripts[min(self.connections, len(self.scripts) - 1)]
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve_session, args=(sock, script)))
            self._threads[-1].start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(WAIT_SECONDS)

    def _serve_session(self, sock: socket.socket, script: Script) -> None:
        session = _Session(self, sock, script)
        with suppress(_Ended, OSError):
            session.run()
        session.sock.close()


class _Session:
    def __init__(self, server: ScriptedServer, sock: socket.socket, script: Script) -> None:
        self.server, self.sock, self.script = server, sock, script
        self.buffer = b""
        self.last_reply = ""

    def run(self) -> None:
        self._act("banner")
        while True:
            line = self._read_until(b"\r\n").decode()
            self.server.commands.append(line)
            verb = line.partition(" ")[0].upper()
            self._act(verb)
            if verb == "STARTTLS":
                self._start_tls()
            elif verb == "DATA" and self.last_reply.startswith("354"):
                self._take_text()
            elif verb == "QUIT":
                raise _Ended

    def _act(self, step: str) -> None:
        self._perform(self._next_reply(step))

    def _perform(self, action: Reply) -> None:
        if action is Fault.HANG:
            self.server.stopped.wait(WAIT_SECONDS)
            raise _Ended
        if action is Fault.RESET:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(action, Fault):
            raise _Ended
        self.sock.sendall(action.encode() + b"\r\n")
        self.last_reply = action
        if action.startswith("421"):  # as RFC 5321, 3.8 requires
            raise _Ended

    def _next_reply(self, step: str) -> Reply:
        replies = self.script[step]
        if not isinstance(replies, list):
            return replies
        self.script[step] = replies[1:] or replies
        return replies[0]

    def _start_tls(self) -> None:
        if "handshake" in self.script:
            self.sock.recv(1)  # the client has begun
            self._act("handshake")
        elif self.server.context and self.last_reply.startswith("220"):
            self.sock = self.server.context.wrap_socket(self.sock, server_side=True)

    def _take_text(self) -> None:
        if "text" in self.script:
            self._act("text")
        mail = self._read_until(b"\r\n.\r\n")
        reply = self._next_reply("end of data")
        if isinstance(reply, str) and reply.startswith("250"):
            self.server.mails.append(mail)
        self._perform(reply)
        if "idle" in self.script:
            self._act("idle")

    def _read_until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            received = self.sock.recv(65536)
            if not received:
                raise _Ended
            self.buffer += received
        found, _, self.buffer = self.buffer.partition(end)
        return found


@contextmanager
def scripted_server(*scripts: Script, context: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    """Run a scripted server on loopback."""
    server = ScriptedServer(scripts or [{}], context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            socket.create_connection(("127.0.0.1", server.port)).close()
            thread.join(WAIT_SECONDS)
            server.join()
