"""The outcome of every failure of a request to Razorpay. docs/outcomes.md is this table in words."""

import socket
import ssl

import pytest
import trustme

from payments.gateway.client import RazorpayClient
from payments.gateway.errors import GatewayError, GatewayNotSent, GatewayOutcomeUnknown, GatewayRejected
from tests.builders.http_server import scripted_server
from tests.builders.raw_http_server import End, raw_http_server

CREATED = b'{"id": "order_1"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n"


def outcome_type(settings, url, notes="", seconds=5.0):
    """Create an order at this address; return the type of the outcome."""
    settings.RAZORPAY_API_BASE_URL = url
    client = RazorpayClient(seconds, seconds)
    with client.session:
        try:
            return type(client.order.create({"amount": 100, "currency": "INR", "notes": {"text": notes}}))
        except GatewayError as error:
            return type(error)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9",  # refused
        "http://razorpay.invalid",  # DNS
        "",
        "api.razorpay.com",
        "ftp://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://" + "x" * 70 + ".example",
        "http://..example",
    ],
)
def test_unreachable_address_is_not_sent(settings, url):
    assert outcome_type(settings, url) is GatewayNotSent


def test_connection_timeout_is_not_sent(settings):
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as listener,
        socket.create_connection(listener.getsockname()),  # fills the backlog
    ):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert outcome_type(settings, url, seconds=0.3) is GatewayNotSent


def test_untrusted_certificate_is_not_sent(settings):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with scripted_server(context) as server:
        assert (outcome_type(settings, server.url), server.requests) == (GatewayNotSent, [])


@pytest.mark.parametrize("response", [b"", b"no TLS at all"])
@pytest.mark.parametrize("end", End)
def test_failed_handshake_is_not_sent(settings, response, end):
    with raw_http_server(response, end, reads="start") as server:
        url = server.url.replace("http:", "https:")
        assert outcome_type(settings, url, seconds=0.5) is GatewayNotSent


@pytest.mark.parametrize("end", [End.RESET, End.HANG])
def test_request_that_is_not_written_completely_is_not_sent(settings, end):
    with raw_http_server(end=end, reads="nothing") as server:
        assert outcome_type(settings, server.url, notes="x" * 20_000_000, seconds=0.6) is GatewayNotSent


def test_connection_through_a_proxy_that_is_down_is_not_sent(settings, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    assert outcome_type(settings, "https://razorpay.example") is GatewayNotSent


@pytest.mark.parametrize(
    "response",
    [b"", b"HTTP/1.1 20", HEAD, HEAD + b'{"id": "or', HEAD.replace(b"1.1 200 OK", b"what")],
    ids=["nothing", "part of the status", "no body", "part of the body", "no HTTP"],
)
@pytest.mark.parametrize("end", End)
def test_response_that_is_missing_or_broken_is_outcome_unknown(settings, response, end):
    with raw_http_server(response, end) as server:
        assert outcome_type(settings, server.url, seconds=0.4) is GatewayOutcomeUnknown
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, CREATED, dict),
        (200, b"[]", GatewayOutcomeUnknown),
        (200, b"<html>", GatewayOutcomeUnknown),
        (200, b"", GatewayOutcomeUnknown),
        (204, b"", GatewayOutcomeUnknown),
        (301, b"<html>", GatewayOutcomeUnknown),
        (307, b"{}", GatewayOutcomeUnknown),
        (400, b'{"error": {"description": "No"}}', GatewayRejected),
        (400, b"<html>", GatewayOutcomeUnknown),
        (401, b'{"error": {"description": "Authentication failed"}}', GatewayNotSent),
        (401, b"<html>", GatewayNotSent),
        (403, b'{"error": {"description": "No"}}', GatewayNotSent),
        (404, b'{"error": {"description": "No"}}', GatewayRejected),
        (408, b"{}", GatewayOutcomeUnknown),
        (409, b"{}", GatewayOutcomeUnknown),
        (429, b"<html>", GatewayNotSent),
        (500, b'{"error": {"description": "No"}}', GatewayOutcomeUnknown),
        (503, b"<html>", GatewayOutcomeUnknown),
    ],
)
def test_outcome_of_a_response(settings, status, body, expected):
    with scripted_server() as server:
        server.respond(status, body)

        assert (outcome_type(settings, server.url), len(server.requests)) == (expected, 1)


def test_credentials_that_cannot_be_written_are_not_sent(settings):
    settings.RAZORPAY_KEY_SECRET = "sécrét€"
    with scripted_server() as server:
        assert (outcome_type(settings, server.url), server.requests) == (GatewayNotSent, [])
