"""An SMTP server that logs the mail it accepts."""

from __future__ import annotations

import asyncio
import re
from email import message_from_bytes, policy
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from sandbox.state import State

BARE_LINE_FEED = re.compile(rb"(?<!\r)\n")
REFUSALS = {"bounce.example": "550 5.1.1 The mailbox does not exist", "greylist.example": "451 4.7.1 Try again later"}


class Server(SMTP):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        state: State = self.event_handler.state
        state.mail_connections += 1
        limit = state.settings.smtp_connection_limit
        self.is_over_limit = bool(limit) and state.mail_connections > limit
        super().connection_made(transport)
        self.session.accepted_count = 0

    async def _handle_client(self) -> None:
        if self.is_over_limit:
            await self.push("421 4.7.0 sandbox Error: too many connections from 127.0.0.1")
            self.transport.close()
        else:
            await super()._handle_client()

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.state.mail_connections -= 1
        super().connection_lost(error)


class Mailbox:
    def __init__(self, state: State) -> None:
        self.state = state

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        limit = self.state.settings.smtp_messages_per_connection
        if limit and session.accepted_count >= limit:
            return self._close(server, "421 4.7.0 Error: too many messages in this session")
        if self.state.is_injected("smtp_throttle"):
            return "450 4.7.1 Error: too much mail from 127.0.0.1"
        if self.state.is_injected("smtp_require_starttls"):
            return "530 5.7.0 Must issue a STARTTLS command first"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = REFUSALS.get(address.rpartition("@")[2])
        if refusal:
            self.state.log.write("request.refused", code=refusal[:3], to=address)
            return refusal
        if self.state.is_injected("smtp_deny_relay"):
            return f"554 5.7.1 <{address}>: Relay access denied"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if BARE_LINE_FEED.search(envelope.original_content or b""):
            self.state.log.write("request.refused", code="550", to=envelope.rcpt_tos[0])
            return "550 5.5.2 Error: bare <LF> received"  # as a strict Postfix does
        await asyncio.sleep(self.state.random_duration("message"))
        if self.state.is_injected("smtp_scan"):
            await asyncio.sleep(self.state.settings.hang_seconds)
        if self.state.is_injected("smtp_refuse"):
            return "451 4.3.0 Try again later"
        if self.state.is_injected("smtp_drop_before"):
            return self._drop(server)
        self._accept(envelope)
        session.accepted_count += 1
        if self.state.is_injected("smtp_drop_after"):
            return self._drop(server)
        return "250 2.0.0 Accepted"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        return "421 4.3.2 Closing" if self.state.is_injected("smtp_quit_421") else "221 Bye"

    def _accept(self, envelope: Envelope) -> None:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        mail = message_from_bytes(content, policy=policy.default)
        text = mail.get_body(("plain",))
        self.state.log.write(
            "email.accepted",
            channel="email",
            to=envelope.rcpt_tos[0],
            subject=str(mail["Subject"]),
            message_id=str(mail["Message-ID"]),
            body=text.get_content() if text else "",
            **{"from": str(envelope.mail_from)},
        )

    def _close(self, server: SMTP, reply: str) -> str:
        assert server.transport is not None
        server.transport.write(f"{reply}\r\n".encode())
        server.transport.close()
        return reply

    def _drop(self, server: SMTP) -> str:
        assert server.transport is not None
        server.transport.abort()
        return "421 dropped"


async def serve(state: State, port: int) -> Any:
    """Listen on loopback; return the server."""
    mailbox = Mailbox(state)
    loop = asyncio.get_running_loop()  # sets TCP_NODELAY, so short replies are sent immediately
    return await loop.create_server(lambda: Server(mailbox, hostname="sandbox", loop=loop), "127.0.0.1", port)
