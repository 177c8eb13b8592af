"""The format of a problem (RFC 9457), and the texts of the problems that no class of ours describes.

The web server's own error responses use this module, too, before Django is loaded: it imports neither Django nor DRF.
"""

from __future__ import annotations

import http
from dataclasses import dataclass
from typing import Any

CONTENT_TYPE = "application/problem+json"

# Code → explanation and advice, for the problems of Django, DRF, the database and the web server. A RequestRefused has
# its own.
FRAMEWORK_TEXTS: dict[str, tuple[str, str]] = {
    "authentication_failed": (
        "The token in Authorization is invalid or has expired.",
        "Sign in with POST /auth/token, and send the new token as Authorization: Bearer ….",
    ),
    "bad_request": (
        "The request is malformed, or is for a host that this service does not serve.",
        "Check the URL and the headers, and that neither the path nor the query contains control characters.",
    ),
    "callback_not_signed": (
        "The signature of this callback is missing or invalid, so nothing was stored.",
        "Check that the provider and Daybook have the same secret, and that the provider calls the public URL.",
    ),
    "csrf_failed": (
        "The form was not sent from a page of this service, or the page is out of date.",
        "Reload the page and send the form again. The browser must accept cookies.",
    ),
    "database_unavailable": (
        "The database is unavailable or busy. Usually nothing was changed, but the response may have been lost after "
        "the change.",
        "Wait for the number of seconds in Retry-After, then send the same request with the same Idempotency-Key.",
    ),
    "error": ("Something went wrong on our side. It has been logged.", "Try again later."),
    "expectation_failed": (
        "The header Expect asks for something that this service does not support.",
        "Leave the header out, or send Expect: 100-continue.",
    ),
    "headers_too_large": (
        "The request has too many headers, or a header is larger than 8 KiB.",
        "Send fewer and shorter headers. In a browser, delete the cookies of this site.",
    ),
    "https_required": (
        "The request came over plain HTTP, so what it contains may have been read on the way. It was not processed.",
        "Send it to the https:// address. If it contained a token or a password, replace that.",
    ),
    "invalid_input": ("Some fields are invalid.", "Correct the fields that are listed in errors."),
    "method_not_allowed": (
        "The path does not support this method.",
        "Allow lists the methods that it supports. The API's methods are described at /docs/.",
    ),
    "not_acceptable": (
        "The response is not available in the format that Accept asks for.",
        "Send Accept: application/json.",
    ),
    "not_authenticated": (
        "This needs a signed-in staff member, or the booking's manage token.",
        "Send Authorization: Bearer …, or X-Booking-Token.",
    ),
    "not_found": (
        "There is nothing at this path, or you may not see it: the response is the same.",
        "Check the path and the id, and send the manage token of the booking. The API's paths are listed at /docs/.",
    ),
    "parse_error": ("The body is not a JSON object, or is nested too deeply.", "Send a JSON object in UTF-8."),
    "payload_too_large": ("The body is larger than 64 KiB.", "Send a smaller body."),
    "permission_denied": ("The account lacks the permission for this.", "Ask an admin for the permission."),
    "sign_in_failed": (
        "The username and password do not match a staff account.",
        "Check both. After several failed sign-ins, further ones from this address are refused for a while.",
    ),
    "throttled": (
        "This caller has reached a rate limit, or the limit of upcoming bookings.",
        "Wait for the number of seconds in Retry-After, or call the business. If you run Daybook behind a proxy, check "
        "TRUSTED_PROXIES.",
    ),
    "unsupported_media_type": (
        "The body is not JSON, is compressed, or is not in UTF-8.",
        "Send it uncompressed and in UTF-8, with Content-Type: application/json.",
    ),
    "uri_too_long": ("The URL is longer than 4 KiB.", "Send a shorter query."),
}

# The code of an error that has only a status.
CODE_FROM_STATUS = {
    400: "bad_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "payload_too_large",
    414: "uri_too_long",
    415: "unsupported_media_type",
    417: "expectation_failed",
    429: "throttled",
    431: "headers_too_large",
}


@dataclass(frozen=True)
class Problem:
    """An error with its status and code. ``retry_after`` is in seconds."""

    status: int
    code: str
    detail: str
    retry_after: int | None = None


def standard_detail(code: str) -> str:
    """Return the explanation and the advice of a framework's problem as one text."""
    return " ".join(FRAMEWORK_TEXTS[code])


def throttled_detail(seconds: int) -> str:
    """Return the text for a caller who has reached a limit, and must wait this long."""
    wait = f"{-(-seconds // 60)} minutes" if seconds >= 120 else f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"Too many requests. Try again in {wait}."


def problem_from_status(status: int) -> Problem:
    """Return the problem for an error response that says nothing but its status."""
    code = CODE_FROM_STATUS.get(status, "bad_request" if status < 500 else "error")
    return Problem(status, code, standard_detail(code))


def problem_body(*, status: int, code: str, detail: str, instance: str) -> dict[str, Any]:
    """Return the members that every problem has. Clients branch on ``code``; the texts may change."""
    return {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": instance,
    }
