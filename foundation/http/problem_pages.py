"""A page for each problem's ``type``: what it means, and what to do next."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from foundation.exceptions import all_refusals

# Code → explanation and advice, for the problems of Django, DRF and the database. A RequestRefused has its own.
FRAMEWORK_TEXTS: dict[str, tuple[str, str]] = {
    "authentication_failed": (
        "The token in Authorization is invalid or has expired.",
        "Sign in with POST /auth/token, and send the new token as Authorization: Bearer ….",
    ),
    "bad_request": (
        "The request is malformed, or is for a host that this service does not serve.",
        "Check the URL, and that the query contains no control characters.",
    ),
    "database_unavailable": (
        "The database is unavailable or busy. Usually nothing was changed, but the response may have been lost after "
        "the change.",
        "Wait for the number of seconds in Retry-After, then send the same request with the same Idempotency-Key.",
    ),
    "error": ("Something went wrong on our side. It has been logged.", "Try again later."),
    "invalid_input": ("Some fields are invalid.", "Correct the fields that are listed in errors."),
    "method_not_allowed": ("The path does not support this method.", "The API's methods are listed at /docs/."),
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
        "Check the path and the id, and send the manage token of the booking.",
    ),
    "parse_error": ("The body is not a JSON object, or is nested too deeply.", "Send a JSON object in UTF-8."),
    "payload_too_large": ("The body is larger than 64 KiB.", "Send a smaller body."),
    "permission_denied": ("The account lacks the permission for this.", "Ask an admin for the permission."),
    "sign_in_failed": (
        "The username and password do not match a staff account.",
        "Check both. After several failed sign-ins, further ones from this address are refused for a while.",
    ),
    "throttled": (
        "This caller has reached a rate limit.",
        "Wait for the number of seconds in Retry-After. If you run Daybook behind a proxy, check TRUSTED_PROXIES.",
    ),
    "unsupported_media_type": ("The body is not JSON.", "Send it with Content-Type: application/json."),
}


def problem_texts() -> dict[str, tuple[str, str]]:
    """Return the explanation and the advice of each problem by its code, sorted by code."""
    texts = {refusal.code: (refusal.explanation, refusal.advice) for refusal in all_refusals() if refusal.explanation}
    return dict(sorted({**texts, **FRAMEWORK_TEXTS}.items()))


@csrf_exempt
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """List every problem."""
    return _render(request, "Problems", problem_texts())


@csrf_exempt
@require_safe
def problem(request: HttpRequest, name: str) -> HttpResponse:
    """Explain one problem. ``name`` is its code with hyphens, as in the problem's ``type``."""
    code = name.replace("-", "_")
    texts = problem_texts()
    if code not in texts:
        raise Http404
    return _render(request, code, {code: texts[code]})


def _render(request: HttpRequest, title: str, problems: dict[str, tuple[str, str]]) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "problems": problems}
    return render(request, "daybook/problems.html", context)
