"""The outcome of every failure of a request to Twilio. docs/outcomes.md is this table in words."""

import socket
import ssl
from uuid import uuid4

import pytest
import trustme

from notifications.models import Channel
from notifications.providers.base import (
    Accepted,
    ChannelBroken,
    OutgoingMessage,
    ProviderError,
    ProviderOutcomeUnknown,
    ProviderRateLimited,
    ProviderRejected,
    ProviderUnavailable,
    RecipientUnreachable,
)
from notifications.providers.twilio import client
from notifications.providers.twilio.client import get_client
from notifications.providers.twilio.send import send_sms
from tests.builders.http_server import scripted_server
from tests.builders.raw_http_server import End, raw_http_server

CREATED = b'{"sid": "SM1", "status": "queued"}'
HEAD = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 34\r\n\r\n"


@pytest.fixture(autouse=True)
def fresh_client():
    get_client.cache_clear()
    yield
    get_client.cache_clear()


def outcome_type(body="Hello"):
    """Send a message to the provider of the settings; return the type of the outcome."""
    try:
        return type(send_sms(OutgoingMessage(uuid4(), uuid4(), 1, Channel.SMS, "+919812340003", "", body)))
    except ProviderError as error:
        return type(error)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:9", ProviderUnavailable),  # refused
        ("http://twilio.invalid", ProviderUnavailable),  # DNS
        ("", ChannelBroken),
        ("api.twilio.com", ChannelBroken),
        ("ftp://127.0.0.1", ChannelBroken),
        ("http://127.0.0.1:99999", ChannelBroken),
        ("http://" + "x" * 70 + ".example", ChannelBroken),
    ],
)
def test_unreachable_address_is_not_sent(settings, url, expected):
    settings.TWILIO_API_BASE_URL = url

    assert outcome_type() is expected


def test_connection_timeout_is_an_outage(settings, monkeypatch):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        settings.TWILIO_API_BASE_URL = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with socket.create_connection(listener.getsockname()):  # fills the backlog
            assert outcome_type() is ProviderUnavailable


def test_untrusted_certificate_breaks_the_channel(settings):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with scripted_server(context) as server:
        settings.TWILIO_API_BASE_URL = server.url

        assert (outcome_type(), server.requests) == (ChannelBroken, [])


@pytest.mark.parametrize(
    ("response", "end", "expected"),
    [
        (b"no TLS at all", End.CLOSE, ChannelBroken),
        (b"", End.CLOSE, ProviderUnavailable),
        (b"", End.RESET, ProviderUnavailable),
        (b"", End.HANG, ProviderUnavailable),
    ],
)
def test_failed_handshake_is_not_sent(settings, monkeypatch, response, end, expected):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.5)
    with raw_http_server(response, end, reads="start") as server:
        settings.TWILIO_API_BASE_URL = server.url.replace("http:", "https:")

        assert outcome_type() is expected


@pytest.mark.parametrize("end", [End.RESET, End.HANG])
def test_request_that_is_not_written_completely_is_not_sent(settings, monkeypatch, end):
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.6)
    with raw_http_server(end=end, reads="nothing") as server:
        settings.TWILIO_API_BASE_URL = server.url

        assert outcome_type(body="x" * 20_000_000) is ProviderUnavailable


@pytest.mark.parametrize(
    "response",
    [b"", b"HTTP/1.1 20", HEAD, HEAD + b'{"sid": "SM', HEAD.replace(b"1.1 201 Created", b"what")],
    ids=["nothing", "part of the status", "no body", "part of the body", "no HTTP"],
)
@pytest.mark.parametrize("end", End)
def test_response_that_is_missing_or_broken_is_outcome_unknown(settings, monkeypatch, response, end):
    monkeypatch.setattr(client, "READ_SECONDS", 0.3)
    with raw_http_server(response, end) as server:
        settings.TWILIO_API_BASE_URL = server.url

        assert outcome_type() is ProviderOutcomeUnknown
        assert len(server.requests) == 1


def error(status, code):
    return b'{"code": %d, "message": "No", "status": %d}' % (code, status)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, CREATED, Accepted),
        (200, CREATED, Accepted),
        (201, b'{"status": "queued"}', ProviderOutcomeUnknown),
        (201, b'{"sid": null}', ProviderOutcomeUnknown),
        (201, b"[]", ProviderOutcomeUnknown),
        (201, b"<html>", ProviderOutcomeUnknown),
        (201, b"", ProviderOutcomeUnknown),
        (204, b"", ProviderOutcomeUnknown),
        (301, b"<html>", ChannelBroken),
        (307, b"{}", ChannelBroken),
        (302, error(302, 0), ChannelBroken),
        (400, error(400, 21211), RecipientUnreachable),
        (400, error(400, 99999), ProviderRejected),
        (400, b"<html>", ChannelBroken),
        (401, error(401, 20003), ChannelBroken),
        (403, error(403, 20005), ChannelBroken),
        (403, b"<html>", ChannelBroken),
        (404, error(404, 20404), ChannelBroken),
        (404, b"<html>", ChannelBroken),
        (407, b"<html>", ChannelBroken),
        (408, b"<html>", ProviderOutcomeUnknown),
        (429, error(429, 20429), ProviderRateLimited),
        (429, b"<html>", ProviderRateLimited),
        (500, error(500, 20500), ProviderOutcomeUnknown),
        (502, b"<html>", ProviderOutcomeUnknown),
        (503, error(503, 20503), ProviderOutcomeUnknown),
        (504, b"", ProviderOutcomeUnknown),
    ],
)
def test_outcome_of_a_response(settings, status, body, expected):
    with scripted_server() as server:
        server.respond(status, body)
        settings.TWILIO_API_BASE_URL = server.url

        assert (outcome_type(), len(server.requests)) == (expected, 1)


def test_text_that_cannot_be_encoded_is_rejected_before_the_request(settings):
    with scripted_server() as server:
        settings.TWILIO_API_BASE_URL = server.url

        assert (outcome_type(body="\ud800"), server.requests) == (ProviderRejected, [])


def test_token_that_cannot_be_written_breaks_the_channel(settings):
    settings.TWILIO_AUTH_TOKEN = "tökén€"
    with scripted_server() as server:
        settings.TWILIO_API_BASE_URL = server.url

        assert (outcome_type(), server.requests) == (ChannelBroken, [])
