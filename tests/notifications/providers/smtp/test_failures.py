"""The outcome of every failure, at every step. docs/outcomes.md is this table in words."""

import socket
import ssl
import time

import pytest
import trustme

from notifications.providers.base import (
    Accepted,
    ChannelBroken,
    ProviderError,
    ProviderNotSent,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RecipientUnreachable,
)
from tests.notifications.providers.smtp.scripted_server import Fault

HANG, CLOSE, RESET = Fault.HANG, Fault.CLOSE, Fault.RESET

FAILURES = [
    ("banner", "554 5.7.1 Client host rejected: Access denied", ChannelBroken),
    ("banner", "554 No SMTP service here", ChannelBroken),
    ("banner", "421 4.3.2 Service not available", ProviderUnavailable),
    ("banner", "421 4.7.0 mail.example Error: too many connections from 192.0.2.1", ProviderRateLimited),
    ("banner", "HTTP/1.1 400 Bad Request", ProviderUnavailable),
    ("banner", HANG, ProviderUnavailable),
    ("banner", CLOSE, ProviderUnavailable),
    ("banner", RESET, ProviderUnavailable),
    ("EHLO", "550 5.7.1 Helo command rejected", ChannelBroken),
    ("EHLO", "450 4.7.1 Not now", ProviderUnavailable),
    ("EHLO", "421 4.3.2 Shutting down", ProviderUnavailable),
    ("EHLO", HANG, ProviderUnavailable),
    ("EHLO", CLOSE, ProviderUnavailable),
    ("EHLO", RESET, ProviderUnavailable),
    ("STARTTLS", "454 4.7.0 TLS not available due to a temporary reason", ProviderUnavailable),
    ("STARTTLS", "502 5.5.1 Not implemented", ChannelBroken),
    ("STARTTLS", HANG, ProviderUnavailable),
    ("STARTTLS", RESET, ProviderUnavailable),
    ("handshake", "no TLS", ChannelBroken),
    ("handshake", HANG, ProviderUnavailable),
    ("handshake", CLOSE, ProviderUnavailable),
    ("handshake", RESET, ProviderUnavailable),
    ("AUTH", "535 5.7.8 Authentication credentials invalid", ChannelBroken),
    ("AUTH", "530 5.7.0 Must issue a STARTTLS command first", ChannelBroken),
    ("AUTH", "534 5.7.9 Application-specific password required", ChannelBroken),
    ("AUTH", "538 5.7.11 Encryption required for requested authentication mechanism", ChannelBroken),
    ("AUTH", "454 4.7.0 Temporary authentication failure", ProviderUnavailable),
    ("AUTH", "454 4.7.0 Too many login attempts, please try again later", ProviderRateLimited),
    ("AUTH", "421 4.7.0 Closing", ProviderUnavailable),
    ("AUTH", HANG, ProviderUnavailable),
    ("AUTH", RESET, ProviderUnavailable),
    ("MAIL", "450 4.7.1 Error: too much mail from 192.0.2.1", ProviderRateLimited),
    ("MAIL", "451 4.3.0 Temporary lookup failure", ProviderUnavailable),
    ("MAIL", "452 4.3.1 Insufficient system storage", ProviderUnavailable),
    ("MAIL", "421 4.7.0 Closing", ProviderUnavailable),
    ("MAIL", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", ProviderRateLimited),
    ("MAIL", "550 5.4.5 Daily user sending limit exceeded", ProviderRateLimited),
    ("MAIL", "530 5.7.0 Must issue a STARTTLS command first", ChannelBroken),
    ("MAIL", "530 5.7.0 Authentication required", ChannelBroken),
    ("MAIL", "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM", ChannelBroken),
    ("MAIL", "553 5.1.8 Domain of sender address does not exist", ChannelBroken),
    ("MAIL", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", ChannelBroken),
    ("MAIL", "999 What", ProviderUnavailable),
    ("MAIL", HANG, ProviderUnavailable),
    ("MAIL", CLOSE, ProviderUnavailable),
    ("MAIL", RESET, ProviderUnavailable),
    ("RCPT", "450 4.2.0 <a@example.com>: Recipient address rejected: Greylisted", ProviderNotSent),
    ("RCPT", "451 4.7.1 Greylisting in action, please come back in 00:05:00", ProviderNotSent),
    ("RCPT", "451 4.7.1 Please come back later", ProviderNotSent),
    ("RCPT", "452 4.2.2 The email account that you tried to reach is over quota", ProviderNotSent),
    ("RCPT", "450 4.2.1 The user you are trying to contact is receiving mail too quickly", ProviderNotSent),
    ("RCPT", "450 4.1.2 Recipient address rejected: Domain not found", ProviderNotSent),
    ("RCPT", "452 4.3.1 Insufficient system storage", ProviderUnavailable),
    ("RCPT", "450 4.7.1 Error: too many recipients from 192.0.2.1", ProviderRateLimited),
    ("RCPT", "451 4.7.650 The mail server has been temporarily rate limited", ProviderRateLimited),
    ("RCPT", "550 Domain example.com has exceeded the max emails per hour (9/8 (120%)) allowed.", ProviderRateLimited),
    ("RCPT", "421 4.7.0 Error: too many errors", ProviderUnavailable),
    ("RCPT", "550 5.1.1 <a@example.com>: Recipient address rejected: User unknown", RecipientUnreachable),
    ("RCPT", "550 5.1.1 Recipient address rejected: host mx said: 554 5.7.1 Relay access denied", RecipientUnreachable),
    ("RCPT", "550-5.1.1 The email account does not exist\r\n550 5.1.1 Check the spelling", RecipientUnreachable),
    ("RCPT", "550 5.7.1 <a@example.com>: Recipient address rejected: Access denied", ProviderRejected),
    ("RCPT", "550 No such user here", ProviderRejected),
    ("RCPT", "552 5.2.2 Mailbox full", ProviderRejected),
    ("RCPT", "501 5.1.3 Bad recipient address syntax", ProviderRejected),
    ("RCPT", "554 5.7.1 <a@example.com>: Relay access denied", ChannelBroken),
    ("RCPT", "454 4.7.1 <a@example.com>: Relay access denied", ChannelBroken),
    ("RCPT", "550 relay not permitted", ChannelBroken),
    ("RCPT", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", ChannelBroken),
    ("RCPT", "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied", ChannelBroken),
    ("RCPT", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.1]", ChannelBroken),
    ("RCPT", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example", ChannelBroken),
    ("RCPT", "504 5.5.2 <booking_host>: Helo command rejected: need fully-qualified hostname", ChannelBroken),
    ("RCPT", "553 5.7.1 <b@example.com>: Sender address rejected: not owned by user b", ChannelBroken),
    ("RCPT", "550 Sender verify failed", ChannelBroken),
    ("RCPT", "530 5.7.0 Authentication required", ChannelBroken),
    # Each pattern where nothing else decides.
    ("RCPT", "550 5.1.2 mx.example said: relaying denied", RecipientUnreachable),
    ("RCPT", "550 5.2.1 mx.example said: client host rejected", ProviderRejected),
    ("RCPT", "554 5.7.1 Recipient address rejected: mx.example said: relaying denied", ProviderRejected),
    ("RCPT", "450 4.7.1 Client host rejected: Greylisted", ProviderNotSent),
    ("RCPT", "451 4.7.0 Rate limit reached", ProviderRateLimited),
    ("RCPT", "451 4.7.0 Throttled", ProviderRateLimited),
    ("RCPT", "421 4.7.0 Our system has detected an unusual rate of mail", ProviderRateLimited),
    ("RCPT", "450 4.7.1 You are sending mail too fast", ProviderRateLimited),
    ("RCPT", "550 5.4.5 Not today", ProviderRateLimited),
    ("RCPT", "451 4.7.500 Server busy. Please try again later", ProviderRateLimited),
    ("RCPT", "550 Must use STARTTLS", ChannelBroken),
    ("RCPT", "554 Encryption required", ChannelBroken),
    ("RCPT", "550 5.7.10 No", ChannelBroken),
    ("RCPT", "550 Authentication is required", ChannelBroken),
    ("RCPT", "550 Client not authenticated", ChannelBroken),
    ("RCPT", "550 5.7.57 No", ChannelBroken),
    ("RCPT", "550 Sender address rejected: Access denied", ChannelBroken),
    ("RCPT", "550 You are not allowed to send as this user", ChannelBroken),
    ("RCPT", "550 5.1.8 Access denied, bad outbound sender", ChannelBroken),
    ("RCPT", "550 Invalid HELO", ChannelBroken),
    ("RCPT", "550 Your host is blocked", ChannelBroken),
    ("RCPT", "550 5.7.25 No", ChannelBroken),
    *[("RCPT", f"{code} No", ChannelBroken) for code in (432, 530, 534, 535, 538)],
    # Customers choose the address that the reply quotes.
    ("RCPT", "450 4.1.2 <throttle@example.com>: Recipient address rejected: Domain not found", ProviderNotSent),
    ("RCPT", "550 5.1.1 <rate.limit@example.com>: User unknown", RecipientUnreachable),
    ("RCPT", "554 5.7.1 <starttls@example.com>: Access denied", ProviderRejected),
    ("RCPT", "550 Unknown user: starttls@example.com", ProviderRejected),
    ("RCPT", "550 5.7.1 (throttling@example.com) refused", ProviderRejected),
    # Servers that do not relay, some with a code of the recipient's address.
    ("RCPT", "550 5.1.2 Relay not allowed.", ChannelBroken),
    ("RCPT", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", ChannelBroken),
    ("RCPT", "553 5.1.1 sorry, that domain isn't in my list of allowed rcpthosts", ChannelBroken),
    ("RCPT", "503 This mail server requires authentication when attempting to send to a non-local", ChannelBroken),
    ("RCPT", "503 5.5.1 You must authenticate first.", ChannelBroken),
    ("RCPT", "554 Relay rejected for policy reasons.", ChannelBroken),
    ("RCPT", "550 relaying mail to example.com is not allowed", ChannelBroken),
    ("RCPT", "571 a@example.com we do not relay", ChannelBroken),
    ("RCPT", "550 5.1.1 User unknown in relay recipient table: message rejected", RecipientUnreachable),
    ("end of data", "525 5.7.1 Unauthorized IP address", ChannelBroken),
    ("end of data", "550 5.7.1 The From address you supplied is not a Sender Signature", ChannelBroken),
    ("RCPT", "250" + "-" + "x" * 9000, ProviderUnavailable),
    ("RCPT", HANG, ProviderUnavailable),
    ("RCPT", CLOSE, ProviderUnavailable),
    ("RCPT", RESET, ProviderUnavailable),
    ("DATA", "451 4.3.0 Error: queue file write error", ProviderUnavailable),
    ("DATA", "450 4.7.0 Not now", ProviderNotSent),
    ("DATA", "554 5.5.1 Error: no valid recipients", ProviderRejected),
    ("DATA", "421 4.3.2 Shutting down", ProviderUnavailable),
    ("DATA", "250 2.0.0 What", ProviderUnavailable),
    ("DATA", HANG, ProviderUnavailable),
    ("DATA", CLOSE, ProviderUnavailable),
    ("DATA", RESET, ProviderUnavailable),
    ("text", HANG, ProviderNotSent),
    ("text", RESET, ProviderNotSent),
    ("end of data", "250-2.0.0 Queued\r\n250 as 1234", Accepted),
    ("end of data", "451 4.3.0 Error: queue file write error", ProviderUnavailable),
    ("end of data", "451 4.7.1 Message deferred by the content filter", ProviderNotSent),
    ("end of data", "452 4.3.1 Insufficient system storage", ProviderUnavailable),
    ("end of data", "454 Throttling failure: Maximum sending rate exceeded", ProviderRateLimited),
    ("end of data", "421 4.3.2 Shutting down", ProviderUnavailable),
    ("end of data", "550 5.7.1 Message rejected as spam", ProviderRejected),
    ("end of data", "552 5.3.4 Message size exceeds fixed limit", ProviderRejected),
    ("end of data", "554 5.6.0 Error: transaction failed", ProviderRejected),
    ("end of data", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", ChannelBroken),
    ("end of data", "550 5.7.26 This mail has been blocked because the sender is unauthenticated", ChannelBroken),
    ("end of data", "554 Message rejected: Email address is not verified", ChannelBroken),
    ("end of data", "554 5.2.252 SendAsDenied; a@example.com not allowed to send as b@example.com", ChannelBroken),
    ("end of data", "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", ChannelBroken),
    ("end of data", "554 5.2.0 STOREDRV; the sender's submission quota was exceeded", ProviderRateLimited),
    ("end of data", "550 The from address does not match a verified Sender Identity", ChannelBroken),
    ("end of data", "553 Relaying disallowed as a@example.com", ChannelBroken),
    ("end of data", "550 5.7.1 Invalid credentials for relay [192.0.2.1]", ChannelBroken),
    ("end of data", "354 What", ProviderOutcomeUnknown),
    ("end of data", "What", ProviderOutcomeUnknown),
    ("end of data", "250" + "-" + "x" * 9000, ProviderOutcomeUnknown),
    ("end of data", HANG, ProviderOutcomeUnknown),
    ("end of data", CLOSE, ProviderOutcomeUnknown),
    ("end of data", RESET, ProviderOutcomeUnknown),
    ("QUIT", "421 4.3.2 Shutting down", Accepted),
    ("QUIT", HANG, Accepted),
    ("QUIT", RESET, Accepted),
]

LONG_TEXT = "x" * 60 + "\n"


def outcome_type(call):
    try:
        return type(call())
    except ProviderError as error:
        return type(error)


@pytest.fixture
def ca():
    return trustme.CA()


@pytest.fixture
def trusted(settings, ca, tmp_path):
    """Return the TLS context of a server at 127.0.0.1 that the settings trust."""
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings.EMAIL_CA_FILE = str(tmp_path / "ca.pem")
    return server_context(ca, "127.0.0.1")


def server_context(ca, host):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(host).configure_cert(context)
    return context


@pytest.mark.parametrize(("step", "reply", "expected"), FAILURES)
def test_outcome_of_a_failure(step, reply, expected, serve, send, settings, trusted):
    script = {step: reply}
    if step in ("STARTTLS", "handshake"):
        settings.EMAIL_USE_TLS = True
    if step == "AUTH":
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "user", "password"
    if step == "EHLO":
        script["HELO"] = reply
    if reply is HANG:
        settings.EMAIL_TIMEOUT = settings.EMAIL_RESPONSE_SECONDS = 0.3
    server = serve(script, context=trusted)

    # Only a text that fills the buffers of both sockets cannot be written completely.
    outcome = outcome_type(lambda: send(body=LONG_TEXT * (300_000 if step == "text" else 1)))

    assert outcome is expected
    assert len(server.mails) == (expected is Accepted or (step == "end of data" and str(reply).startswith("250")))


def test_refused_connection_is_an_outage(send, settings):
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    assert outcome_type(send) is ProviderUnavailable


def test_connection_timeout_is_an_outage(send, settings):
    settings.EMAIL_TIMEOUT = 0.3
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        settings.EMAIL_HOST, settings.EMAIL_PORT = listener.getsockname()
        with socket.create_connection(listener.getsockname()):  # fills the backlog
            assert outcome_type(send) is ProviderUnavailable


def test_unknown_host_is_an_outage(send, settings):
    settings.EMAIL_HOST = "mail.invalid"

    assert outcome_type(send) is ProviderUnavailable


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("EMAIL_HOST", "mail..example", "EMAIL_URL"),
        ("EMAIL_HOST", "x" * 70 + "ü.example", "EMAIL_URL"),
        ("EMAIL_CA_FILE", "/missing.pem", "EMAIL_CA_FILE"),
        ("DEFAULT_FROM_EMAIL", "bookings", "DEFAULT_FROM_EMAIL"),
        ("EMAIL_EHLO_NAME", "booking_host", "EMAIL_EHLO_NAME"),
        ("EMAIL_HOST_PASSWORD", "pässword", "password"),
    ],
)
def test_invalid_setting_breaks_the_channel_with_its_name(setting, value, reason, serve, send, settings, trusted):
    serve(context=trusted)
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = True, "user", "password"
    setattr(settings, setting, value)

    with pytest.raises(ChannelBroken, match=reason):
        send()


@pytest.mark.parametrize("setting", ["EMAIL_USE_TLS", "EMAIL_HOST_USER"])
def test_missing_extension_breaks_the_channel(setting, serve, send, settings):
    server = serve({"EHLO": "250 mail.example"})
    setattr(settings, setting, "user")

    assert outcome_type(send) is ChannelBroken
    assert server.mails == []


def test_unknown_authentication_mechanism_breaks_the_channel(serve, send, settings):
    serve({"EHLO": "250-mail.example\r\n250 AUTH GSSAPI"})
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "user", "password"

    assert outcome_type(send) is ChannelBroken


def test_implicit_tls_with_a_server_without_it_breaks_the_channel(serve, send, settings):
    serve()
    settings.EMAIL_USE_SSL = True

    assert outcome_type(send) is ChannelBroken


def test_server_without_ehlo_gets_the_email_after_helo(serve, send):
    server = serve({"EHLO": "502 5.5.2 Not implemented"})

    assert outcome_type(send) is Accepted
    assert len(server.mails) == 1


def test_slow_steps_end_before_the_hand_over(serve, send, settings, monkeypatch):
    monkeypatch.setattr("notifications.providers.smtp.send.SECONDS_BEFORE_HAND_OVER", 0.0)
    server = serve()

    assert outcome_type(send) is ProviderUnavailable
    assert server.commands == []


@pytest.mark.parametrize("reply", ["421 4.3.2 Shutting down", HANG, RESET])
def test_reply_to_quit_after_a_refusal_neither_changes_nor_delays_the_outcome(serve, send, reply):
    serve({"RCPT": "550 5.1.1 Unknown user", "QUIT": reply})
    started_at = time.monotonic()

    assert outcome_type(send) is RecipientUnreachable
    assert time.monotonic() - started_at < 5
