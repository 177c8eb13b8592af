"""gunicorn's own error responses, and bodies that only a real server receives."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from bookings.models import Booking
from tests.builders.bookings import booking_request, make_service

pytestmark = pytest.mark.slow

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /services/ HTTP/1.1\r\n" + HOST
POST = b"POST /bookings/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"


def send(web: str, request: bytes, *, ends: bool = False):
    """Send raw bytes; return the head and the body of the response. ``ends``: send nothing afterwards."""
    address = urlsplit(web)
    with socket.create_connection((address.hostname, address.port), timeout=20) as client:
        client.sendall(request)
        if ends:
            client.shutdown(socket.SHUT_WR)
        response = b""
        while received := client.recv(65536):
            response += received
    head, _, body = response.partition(b"\r\n\r\n")
    return head.decode("latin-1"), body


def get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def chunked(body: bytes) -> bytes:
    return b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


REFUSED = {
    "no HTTP": (b"nonsense\r\n\r\n", 400, "bad_request"),
    "unknown version": (b"GET /services/ HTTP/9.9\r\n" + HOST + b"\r\n", 400, "bad_request"),
    "line without a colon": (GET + b"No colon\r\n\r\n", 400, "bad_request"),
    "NUL in a header": (GET + b"X: a\0b\r\n\r\n", 400, "bad_request"),
    "folded header": (GET + b"X: a\r\n folded\r\n\r\n", 400, "bad_request"),
    "method in Unicode": (b"G\xc3\x84T /services/ HTTP/1.1\r\n" + HOST + b"\r\n", 400, "bad_request"),
    "long URL": (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "uri_too_long"),
    "long header": (GET + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431, "headers_too_large"),
    "many headers": (GET + b"X: a\r\n" * 200 + b"\r\n", 431, "headers_too_large"),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "bad_request"),
    "length in words": (POST + b"Content-Length: two\r\n\r\n{}", 400, "bad_request"),
    "negative length": (POST + b"Content-Length: -2\r\n\r\n{}", 400, "bad_request"),
    "length and chunks": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "bad_request"),
    "bad chunk size": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, "bad_request"),
    "bad chunk end": (POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}!!0\r\n\r\n", 400, "bad_request"),
    "unknown coding": (POST + b"Transfer-Encoding: x, chunked\r\n\r\n0\r\n\r\n", 415, "unsupported_media_type"),
    "compressed chunks": (POST + chunked(b"{}").replace(b"chunked", b"gzip, chunked"), 415, "unsupported_media_type"),
    "compressed body": (POST + b"Content-Encoding: gzip\r\n" + chunked(b"{}"), 415, "unsupported_media_type"),
    "large chunks": (POST + chunked(b" " * 100_000), 413, "payload_too_large"),
    "unknown expectation": (POST + b"Expect: x\r\nContent-Length: 2\r\n\r\n{}", 417, "expectation_failed"),
    "encoded dots": (get(b"/%2e%2e/services/"), 404, "not_found"),
    "encoded slash": (get(b"/bookings%2fx"), 404, "not_found"),
    "path not in UTF-8": (get(b"/%ff%fe"), 404, "not_found"),
    "NUL in the path": (get(b"/services/%00"), 400, "bad_request"),
    "NUL in the query": (get(b"/services/?resource=%00"), 400, "bad_request"),
    "missing static file": (get(b"/static/missing.js"), 404, "not_found"),
}


def test_refused_request_gets_a_problem_from_the_server_as_from_django(web):
    outcomes = {}
    for name, (request, _, _) in REFUSED.items():
        head, body = send(web, request)
        assert "Content-Type: application/problem+json" in head, name
        problem = json.loads(body)
        outcomes[name] = (int(head.split(" ", 2)[1]), problem["code"])
        assert problem["status"] == outcomes[name][0]
        assert problem["detail"]

    assert outcomes == {name: (status, code) for name, (_, status, code) in REFUSED.items()}


def test_client_cannot_set_the_script_name(web):
    headers = [b"SCRIPT_NAME: /elsewhere", b"Script-Name: /elsewhere", b"PATH_INFO: /elsewhere"]

    heads = [send(web, GET + header + b"\r\nConnection: close\r\n\r\n")[0] for header in headers]

    assert [head.split("\r\n")[0] for head in heads] == ["HTTP/1.1 200 OK"] * 3


def test_chunked_body_is_read(web):
    body = json.dumps(booking_request(make_service())).encode()

    head, _ = send(web, POST + chunked(body))

    assert head.startswith("HTTP/1.1 201 ")
    assert Booking.objects.count() == 1


def test_form_that_ends_early_is_not_processed(web):
    """The first part of an amount would be another amount."""
    token = b"a" * 32
    form = b"csrfmiddlewaretoken=" + token + b"&username=front&password=des"
    head, _ = send(
        web,
        b"POST /admin/login/ HTTP/1.1\r\n"
        + HOST
        + b"Cookie: csrftoken="
        + token
        + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n"
        + b"Content-Length: %d\r\n\r\n" % (len(form) + 5)
        + form,
        ends=True,
    )

    assert head.startswith(("HTTP/1.1 400 ", "HTTP/1.1 403 "))


def test_head_sends_the_headers_of_get(web):
    make_service()
    get_head, get_body = send(web, get(b"/services/"))
    head_head, head_body = send(web, get(b"/services/").replace(b"GET", b"HEAD"))

    assert get_body
    assert not head_body
    assert [line for line in get_head.split("\r\n") if not line.startswith("Date:")] == [
        line for line in head_head.split("\r\n") if not line.startswith("Date:")
    ]
