"""Send e-mail: one connection per message. The outcome depends on how far the SMTP dialogue got."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr

from django.conf import settings
from django.utils import timezone

from notifications.providers.base import (
    Accepted,
    AttemptAbandoned,
    ChannelBroken,
    OutgoingMessage,
    ProviderNotSent,
    ProviderOutcomeUnknown,
    ProviderRejected,
    RecipientUnreachable,
)

# CRLF at every line end (RFC 5321, 2.3.8). 7-bit text needs no extension of the server, such as 8BITMIME.
SEVEN_BIT = policy.SMTP.clone(cte_type="7bit")
NO_SUCH_MAILBOX = re.compile(r"5\.1\.(1|2|6|10)\b")  # RFC 3463 and RFC 7505: the address itself is invalid


def send_email(message: OutgoingMessage, *, may_hand_over: Callable[[], bool]) -> Accepted:
    """Send an e-mail. Raises ProviderError; ProviderOutcomeUnknown if the server did not respond after the hand-over.

    ``may_hand_over()`` is called before the text is sent; if it returns False, nothing is sent.
    """
    email = _compose(message)
    try:
        with _connection() as server:
            _send_envelope(server, message.address)
            if not may_hand_over():
                raise AttemptAbandoned("The attempt ran out of time before the hand-over.")
            _hand_over(server, email)
    except smtplib.SMTPAuthenticationError as error:
        reason = "The mail server rejected our user name or password."
        raise ChannelBroken(reason, code=str(error.smtp_code)) from error
    except (OSError, smtplib.SMTPException) as error:
        raise ProviderNotSent(f"The connection to the mail server failed ({type(error).__name__}).") from error
    return Accepted(provider_id=str(email["Message-ID"]), http_status=None)


def _compose(message: OutgoingMessage) -> EmailMessage:
    email = EmailMessage(policy=SEVEN_BIT)
    email["From"] = settings.DEFAULT_FROM_EMAIL
    email["To"] = message.address
    email["Subject"] = " ".join(message.subject.split())
    email["Date"] = format_datetime(timezone.now())
    # The same id for every attempt, so that a mailbox that gets the message twice can recognise the duplicate.
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    email["Message-ID"] = f"<{message.id}@{domain}>" if message.id else make_msgid(domain=domain)
    email["Auto-Submitted"] = "auto-generated"
    email.set_content(message.body)
    return email


@contextmanager
def _connection() -> Iterator[smtplib.SMTP]:
    """Connect, and quit afterwards. The reply to QUIT changes nothing: the outcome is decided by then."""
    server = _connect()
    try:
        yield server
    finally:
        with suppress(OSError, smtplib.SMTPException):  # RFC 5321, 3.8: a server may reply 421 at any time
            server.quit()
        server.close()


def _connect() -> smtplib.SMTP:
    address, timeout = (settings.EMAIL_HOST, settings.EMAIL_PORT), settings.EMAIL_TIMEOUT
    if settings.EMAIL_USE_SSL:
        server: smtplib.SMTP = smtplib.SMTP_SSL(*address, timeout=timeout, context=_tls_context())
    else:
        server = smtplib.SMTP(*address, timeout=timeout)
    if settings.EMAIL_USE_TLS:
        server.starttls(context=_tls_context())
    if settings.EMAIL_HOST_USER:
        server.login(settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD)
    return server


def _tls_context() -> ssl.SSLContext:
    """Return a context that verifies the server's certificate and its host name."""
    return ssl.create_default_context(cafile=settings.EMAIL_CA_FILE or None)


def _send_envelope(server: smtplib.SMTP, address: str) -> None:
    server.ehlo_or_helo_if_needed()
    for code, text in (server.mail(parseaddr(settings.DEFAULT_FROM_EMAIL)[1]), server.rcpt(address)):
        _check_reply(code, text)


def _hand_over(server: smtplib.SMTP, email: EmailMessage) -> None:
    try:
        code, text = server.data(email.as_bytes())
    except smtplib.SMTPDataError as refusal:  # the server refused before the text was sent
        _check_reply(int(refusal.smtp_code), refusal.smtp_error)
        raise
    except (OSError, smtplib.SMTPException) as error:
        # RFC 1047: between the final dot and its 250, only the server knows whether it has the message.
        reason = f"The mail server did not respond after the text was sent ({type(error).__name__})."
        raise ProviderOutcomeUnknown(reason) from error
    _check_reply(code, text)


def _check_reply(code: int, text: bytes | str) -> None:
    decoded = text.decode("utf-8", errors="replace") if isinstance(text, bytes) else str(text)
    reason = f"The mail server replied {code} {decoded}"[:250]
    if NO_SUCH_MAILBOX.match(decoded):
        raise RecipientUnreachable(reason, code=str(code))
    if 500 <= code < 600:
        raise ProviderRejected(reason, code=str(code))
    if code >= 400:
        raise ProviderNotSent(reason, code=str(code))
