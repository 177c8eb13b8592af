"""One connection to the mail server. Until the end of the text is sent, a failure means that the server has nothing."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from notifications.providers.base import (
    AttemptAbandoned,
    ChannelBroken,
    ProviderError,
    ProviderNotSent,
    ProviderOutcomeUnknown,
    ProviderUnavailable,
)
from notifications.providers.smtp.configuration import Configuration
from notifications.providers.smtp.replies import CLOSING, Step, refusal

QUIT_SECONDS = 1.0
OK, START_INPUT = 250, 354


class Deadline:
    """The time by which the hand-over must begin: ``seconds`` for all steps together, ``step_seconds`` for each."""

    def __init__(self, *, seconds: float, step_seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._step_seconds = step_seconds

    def remaining(self) -> float:
        """Return the timeout of the next step. Raises ProviderUnavailable once the time is over."""
        remaining = self._end - time.monotonic()
        if remaining <= 0:
            raise ProviderUnavailable("The mail server responds too slowly.")
        return min(remaining, self._step_seconds)


@dataclass(frozen=True)
class Transfer:
    """What to send. ``may_hand_over()`` is called before the text is sent; if it returns False, nothing is sent."""

    recipient: str
    text: bytes
    may_hand_over: Callable[[], bool]


class Connection:
    """An open session, used by one thread at a time. Raises ProviderError; close it after an error."""

    def __init__(self, configuration: Configuration, deadline: Deadline) -> None:
        self.configuration = configuration
        self.was_closed_by_server = False  # before a hand-over
        self._smtp = smtplib.SMTP(local_hostname="unused")
        try:
            self._connect(deadline)
            self._say_hello(deadline)
            if configuration.has_starttls:
                self._start_tls(deadline)
            if configuration.user:
                self._authenticate(deadline)
        except BaseException:
            self.close()
            raise

    def send(self, transfer: Transfer, deadline: Deadline) -> None:
        """Send one message. Raises ProviderOutcomeUnknown only if the response to its end is missing."""
        self._command(Step.MAIL, f"MAIL FROM:<{self.configuration.sender.addr_spec}>", deadline)
        self._command(Step.RCPT, f"RCPT TO:<{transfer.recipient}>", deadline)
        if not transfer.may_hand_over():
            raise AttemptAbandoned("The attempt ran out of time before the hand-over.")
        self._command(Step.DATA, "DATA", deadline, expected=START_INPUT)
        self._send_text(transfer.text)
        self._read_outcome()

    def close(self) -> None:
        """Quit. The response is ignored: the outcome of every message is decided by now."""
        with suppress(OSError, smtplib.SMTPException):  # RFC 5321, 3.8: a server may reply 421 at any time
            if self._smtp.sock is not None:
                self._set_timeout(QUIT_SECONDS)
                self._smtp.quit()
        self._smtp.close()

    # Opening

    def _connect(self, deadline: Deadline) -> None:
        to = self.configuration
        with self._reporting_failure(Step.BANNER, deadline) as timeout:
            options: dict[str, Any] = {"host": to.host, "port": to.port, "local_hostname": "unused", "timeout": timeout}
            if to.has_implicit_tls:
                self._smtp = smtplib.SMTP_SSL(context=to.tls_context, **options)
            else:
                self._smtp = smtplib.SMTP(**options)

    def _say_hello(self, deadline: Deadline) -> None:
        with self._reporting_failure(Step.EHLO, deadline):
            # The default of smtplib is the host's own name, which may be invalid (RFC 5321, 4.1.1.1).
            self._smtp.local_hostname = self.configuration.ehlo_name or _address_literal(self._smtp.sock)
            code, text = self._smtp.ehlo()
            if code >= 500:
                code, text = self._smtp.helo()
        self._check(Step.EHLO, code, text)

    def _start_tls(self, deadline: Deadline) -> None:
        with self._reporting_failure(Step.STARTTLS, deadline):
            self._smtp.starttls(context=self.configuration.tls_context)
        self._say_hello(deadline)  # RFC 3207, 4.2: what the server said before no longer counts

    def _authenticate(self, deadline: Deadline) -> None:
        with self._reporting_failure(Step.AUTH, deadline):
            self._smtp.login(self.configuration.user, self.configuration.password)

    # Sending

    def _command(self, step: Step, command: str, deadline: Deadline, *, expected: int = OK) -> None:
        with self._reporting_failure(step, deadline):
            code, text = self._smtp.docmd(command)
        self._check(step, code, text, expected=expected)

    def _send_text(self, text: bytes) -> None:
        dot_stuffed = re.sub(rb"(?m)^\.", b"..", text)  # RFC 5321, 4.5.2
        try:
            self._smtp.send(dot_stuffed.removesuffix(b"\r\n") + b"\r\n.\r\n")
        except (OSError, smtplib.SMTPException) as error:
            # What could not be written includes the end of the text, without which the server has no message.
            raise ProviderNotSent("The connection to the mail server broke while the text was sent.") from error

    def _read_outcome(self) -> None:
        try:
            self._set_timeout(self.configuration.response_seconds)
            code, text = self._smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            # RFC 1047: between the final dot and its 250, only the server knows whether it has the message.
            reason = f"The mail server did not respond after the text was sent ({_cause(error)})."
            raise ProviderOutcomeUnknown(reason) from error
        if 400 <= code < 600:
            raise refusal(Step.END_OF_DATA, code, _decode(text))
        if not 200 <= code < 300:
            raise ProviderOutcomeUnknown("The mail server's response to the text is unreadable.")

    # Failures before the hand-over

    def _check(self, step: Step, code: int, text: bytes, *, expected: int = OK) -> None:
        if code // 100 != expected // 100:
            raise self._refusal(step, code, text)

    def _refusal(self, step: Step, code: int, text: bytes) -> ProviderError:
        if not 400 <= code < 600:
            return ProviderUnavailable(f"The mail server's response to {step.name} is unreadable.")
        self.was_closed_by_server = code == CLOSING
        return refusal(step, code, _decode(text))

    @contextmanager
    def _reporting_failure(self, step: Step, deadline: Deadline) -> Iterator[float]:
        """Yield the timeout for this step, and translate the exceptions of smtplib, ssl and sockets."""
        timeout = deadline.remaining()
        self._set_timeout(timeout)
        try:
            yield timeout
        except smtplib.SMTPResponseException as error:
            # After AUTH, smtplib raises it only for a line that is too long.
            code = error.smtp_code if step <= Step.AUTH else 0
            raise self._refusal(step, code, _as_bytes(error.smtp_error)) from error
        except smtplib.SMTPServerDisconnected as error:
            is_timeout = isinstance(error.__context__, TimeoutError)
            self.was_closed_by_server = not is_timeout
            happened = "did not respond to" if is_timeout else "closed the connection at"
            raise ProviderUnavailable(f"The mail server {happened} {step.name}.") from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise _failure_to_open(step, error, self.configuration) from error

    def _set_timeout(self, seconds: float) -> None:
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(seconds)


def _failure_to_open(step: Step, error: Exception, configuration: Configuration) -> ProviderError:
    server = f"{configuration.host}:{configuration.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "Correct the certificate or EMAIL_URL, or name its CA in EMAIL_CA_FILE."
        return ChannelBroken(f"The certificate of {server} is not valid: {error.verify_message}. {advice}")
    if isinstance(error, ssl.SSLError) and not isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return ChannelBroken(f"TLS with {server} failed ({error.reason}): check the scheme and port of EMAIL_URL.")
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return ProviderUnavailable(f"{server} could not be reached ({error.strerror or type(error).__name__}).")
    if step == Step.STARTTLS:
        return ChannelBroken(f"{server} does not offer STARTTLS: use smtp+ssl:// or smtp:// in EMAIL_URL.")
    if step == Step.AUTH:  # not offered, or no common mechanism, or a password beyond ASCII
        return ChannelBroken(f"{server} offers no authentication for our user name and password: {error}")
    return ChannelBroken(f"EMAIL_URL is not valid: {error}")


def _address_literal(sock: socket.socket | None) -> str:
    """Return the connection's own address, for want of a domain name (RFC 5321, 4.1.4)."""
    address = str(sock.getsockname()[0]).partition("%")[0] if sock else "127.0.0.1"
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _as_bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _decode(text: bytes) -> str:
    return " ".join(text.decode("utf-8", errors="replace").split())


def _cause(error: Exception) -> str:
    return type(error.__context__ or error).__name__
