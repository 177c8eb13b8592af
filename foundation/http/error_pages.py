"""Errors as pages, for people: the same problems, in their words instead of the API's."""

from __future__ import annotations

import http
import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from foundation.http.problem_texts import Problem

# Code → heading and advice. Other problems show their own text.
PAGE_TEXTS = {
    "bad_request": ("This address or form is not valid", "Check what you entered, and try again."),
    "csrf_failed": (
        "This form is out of date",
        "Reload the page with the form, and send it again. Your browser must accept cookies from this site.",
    ),
    "database_unavailable": (
        "Please try again in a moment",
        "The system is busy or restarting. Your last change may not have been saved: check before you repeat it.",
    ),
    "error": ("Something went wrong on our side", "The error has been recorded. Please try again later."),
    "https_required": (
        "This form was sent without encryption",
        "Open the page again with https:// at the beginning of its address, and fill it in there.",
    ),
    "method_not_allowed": (
        "This page cannot be used like this",
        "Use the links and buttons of the pages.",
    ),
    "not_found": ("Page not found", "Check the address. The page may have been removed, or may not be yours to see."),
    "payload_too_large": ("This form is too large", "Shorten the text, and send the form again."),
    "permission_denied": (
        "You do not have permission for this",
        "Ask an admin to grant your account the permission.",
    ),
}


def is_api_path(path: str) -> bool:
    """Return whether a path is for programs: its errors are never pages."""
    return re.match(settings.API_PATHS, path) is not None


def wants_page(request: HttpRequest) -> bool:
    """Return whether an error is shown to a person: a browser asks for HTML by name whenever it opens a page."""
    return "text/html" in request.headers.get("Accept", "") and not is_api_path(request.path_info)


def error_page(problem: Problem) -> HttpResponse:
    """Return the page. It needs neither the session nor the database, which may be what has failed."""
    phrase = http.HTTPStatus(problem.status).phrase
    heading, text = PAGE_TEXTS.get(problem.code, (phrase, problem.detail))
    context = {"heading": heading, "text": text}
    return HttpResponse(render_to_string("daybook/error.html", context), status=problem.status)
