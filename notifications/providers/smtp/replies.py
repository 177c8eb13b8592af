"""What a mail server's refusal means: a fault of the channel, of our rate, of the recipient, or of the message.

Until the recipient is named, the server knows nothing about the message, so every refusal is a fault of the channel.
After that, the text of the reply decides. Addresses in it are ignored, because a customer's may contain any word. The
patterns are words and enhanced status codes (RFC 3463) of real servers:

    Postfix     450 4.7.1 Error: too much mail from 192.0.2.1
                421 4.7.0 mail.example.com Error: too many connections from 192.0.2.1
                554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied
                554 5.7.1 <a@example.com>: Relay access denied
                530 5.7.0 Must issue a STARTTLS command first
                504 5.5.2 <booking_host>: Helo command rejected: need fully-qualified hostname
                553 5.7.1 <a@example.com>: Sender address rejected: not owned by user b
                450 4.7.1 <unknown[192.0.2.1]>: Client host rejected: Greylisted (only this message waits)
    Exim        550 relay not permitted
                550 Domain example.com has exceeded the max emails per hour (120/100 (120%)) allowed.
                550 Sender verify failed
    Exchange    550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain
                530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM
                550 5.7.60 SMTP; Client does not have permissions to send as this sender
                554 5.2.252 SendAsDenied; a@example.com not allowed to send as b@example.com
                432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded
                451 4.7.500 Server busy. Please try again later
    Gmail       550 5.4.5 Daily user sending limit exceeded
                421 4.7.28 Our system has detected an unusual rate of unsolicited mail
                450 4.2.1 The user you are trying to contact is receiving mail too quickly (of the recipient)
                550 5.7.1 Invalid credentials for relay [192.0.2.1]
                550 5.7.26 This mail has been blocked because the sender is unauthenticated
    Amazon SES  454 Throttling failure: Maximum sending rate exceeded
                554 Message rejected: Email address is not verified
    SendGrid    550 The from address does not match a verified Sender Identity
    Zoho        553 Relaying disallowed as a@example.com
    qmail       553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)
    Domino      554 Relay rejected for policy reasons.
    MailEnable  503 This mail server requires authentication when attempting to send to a non-local e-mail address.
    Stalwart    550 5.1.2 Relay not allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum

from notifications.providers.base import (
    ChannelBroken,
    ProviderError,
    ProviderNotSent,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RecipientUnreachable,
)

MAX_REASON_LENGTH = 250
CLOSING = 421  # RFC 5321, 3.8: a server may reply it to any command, and closes the connection


class Step(IntEnum):
    """The steps of an SMTP session, in order."""

    BANNER = 1
    EHLO = 2
    STARTTLS = 3
    AUTH = 4
    MAIL = 5
    RCPT = 6
    DATA = 7
    END_OF_DATA = 8


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


ADDRESS = re.compile(r"""<?[^\s<>()\[\],;:"']+@[^\s<>()\[\],;:"']+>?""")
QUOTED_REPLY = re.compile(r"\bsaid:.*", re.IGNORECASE)  # of the server behind this one: it refuses this message only
# RFC 3463: X.1.n is the recipient's address (but 7 and 8 are the sender's), X.2.n the mailbox.
# Exchange uses X.2.n also for its own refusals.
RECIPIENT = _words(
    r"^[45]\.1\.(1|2|3|4|6|10)\b|^[45]\.2\.\d+\b(?!.*(STOREDRV|SendAsDenied))|recipient address rejected|gr[ea]y.?list"
)
NO_SUCH_MAILBOX = _words(r"^5\.1\.(1|2|6|10)\b")  # 5.1.10: RFC 7505
MAIL_SYSTEM = _words(r"^4\.3\.\d+\b")  # the server's disk, queue or load

RATE = _words(
    r"too much mail|too many (?!errors|hops)|rate.?limit|throttl|thread limit|unusual rate"
    r"|too (quickly|fast)|per (second|minute|hour|day)\b"
    r"|(sending|relay|daily|hourly|submission|message count) (rate|quota|limit)"
    r"|^[45]\.4\.5\b|^4\.7\.(28|[56]\d\d)\b"
)
RATE_OF_MAILBOX = _words(r"^[45]\.2\.\d+\b(?!.*STOREDRV)")

# Codes of RFC 4954 and RFC 3207 that no message can cause.
AUTHENTICATION_CODES = {432, 530, 534, 535, 538}
# What a person must change, by the words of the reply. The first match counts.
NO_RELAY = (
    _words(
        r"relay(ing|ed)?\b(?! recipient table).{0,80}"
        r"\b(denied|disallowed|prohibited|rejected|refused|not (permitted|allowed))"
        r"|(unable|permitted) to relay|(do|does) not relay|credentials for relay|allowed rcpthosts"
    ),
    "The mail server does not relay our messages: set a user name and password in EMAIL_URL, "
    "or let it accept mail from this host.",
)
NOT_AUTHENTICATED = (
    _words(
        r"authentication (is )?(required|credentials)|requires authentication|must authenticate|not authenticated"
        r"|^[45]\.7\.(8|9|12|13|14|57)\b"
    ),
    "The mail server requires a valid user name and password: correct EMAIL_URL.",
)
# Servers add codes of the recipient's address to these.
CHECKED_BEFORE_THE_RECIPIENT = (NO_RELAY, NOT_AUTHENTICATED)
SETUP_FAULTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        _words(r"STARTTLS|encryption (is )?(required|needed)|^5\.7\.1[01]\b"),
        "The mail server requires encryption: use smtp+tls:// in EMAIL_URL.",
    ),
    NO_RELAY,
    NOT_AUTHENTICATED,
    (
        _words(
            r"sender address rejected|sender verif|verified sender|sender signature|send as this sender"
            r"|allowed to send as|SendAsDenied|address is not verified|^[45]\.1\.[78]\b"
        ),
        "The mail server refuses our sender address: correct DEFAULT_FROM_EMAIL, or allow it for our account.",
    ),
    (
        _words(r"helo command rejected|invalid (helo|ehlo)"),
        "The mail server refuses the name of this host: set EMAIL_EHLO_NAME to its public domain name.",
    ),
    (
        _words(r"client host|host (is )?(rejected|blocked|denied)|unauthorized ip|^[45]\.7\.25\b"),
        "The mail server refuses connections from this host: allow its address there, or use another mail server.",
    ),
    (
        _words(r"^[45]\.7\.2[0-7]\b"),  # RFC 7372: DKIM, SPF, DMARC
        "Our e-mail is not authenticated: correct the SPF, DKIM and DMARC records of the domain of DEFAULT_FROM_EMAIL.",
    ),
)
DEFAULT_ADVICE = {
    Step.BANNER: "The mail server refuses connections from this host: check EMAIL_URL.",
    Step.EHLO: "The mail server refuses the name of this host: set EMAIL_EHLO_NAME to its public domain name.",
    Step.STARTTLS: "The mail server refuses encryption: check EMAIL_URL.",
    Step.AUTH: "The mail server rejected our user name or password: correct EMAIL_URL.",
    Step.MAIL: "The mail server refuses our sender address: check DEFAULT_FROM_EMAIL and EMAIL_URL.",
}


def refusal(step: Step, code: int, text: str) -> ProviderError:
    """Return the error for a reply of 4xx or 5xx at this step."""
    error_type, advice = _classify(step, code, ADDRESS.sub("<>", text))
    reason = f"{advice} The mail server replied {code} {text}".strip()
    return error_type(reason[:MAX_REASON_LENGTH], code=str(code))


def _classify(step: Step, code: int, text: str) -> tuple[type[ProviderError], str]:
    if RATE.search(text) and not RATE_OF_MAILBOX.search(text):
        return ProviderRateLimited, ""
    if code == CLOSING:
        return ProviderUnavailable, ""
    if step >= Step.RCPT and RECIPIENT.search(text):
        advice = _advice(QUOTED_REPLY.sub("", text), CHECKED_BEFORE_THE_RECIPIENT)
        return (ChannelBroken, advice) if advice else (_of_message(code, text), "")
    advice = _advice(text, SETUP_FAULTS)
    if advice or code in AUTHENTICATION_CODES:
        return ChannelBroken, advice or DEFAULT_ADVICE[Step.AUTH]
    if step <= Step.MAIL:
        return (ProviderUnavailable, "") if code < 500 else (ChannelBroken, DEFAULT_ADVICE[step])
    return _of_message(code, text), ""


def _advice(text: str, faults: Iterable[tuple[re.Pattern[str], str]]) -> str:
    return next((advice for pattern, advice in faults if pattern.search(text)), "")


def _of_message(code: int, text: str) -> type[ProviderError]:
    if code >= 500:
        return RecipientUnreachable if NO_SUCH_MAILBOX.search(text) else ProviderRejected
    # 454 is the server's own temporary failure, of TLS or authentication (RFC 3207, RFC 4954).
    return ProviderUnavailable if code == 454 or MAIL_SYSTEM.search(text) else ProviderNotSent
