"""Middleware that every request passes through."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

from foundation.database_errors import close_lost_connection, is_database_unavailable
from foundation.http.problem_pages import FRAMEWORK_TEXTS
from foundation.http.problems import DATABASE_UNAVAILABLE, Problem, bad_request, not_found, problem_response

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class OptionalTrailingSlash:
    """Serves a path with and without its trailing slash, without a redirect: a redirected POST loses its body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not is_valid_path(path):
            alternative = path[:-1] if path.endswith("/") else f"{path}/"
            if is_valid_path(alternative):
                request.path_info = alternative
        return self.get_response(request)


class RejectNulBytes:
    """Refuses NUL bytes in the query string and in cookies: PostgreSQL's text type cannot store them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in value for value in request.COOKIES.values()):
            return bad_request(request)
        return self.get_response(request)


class RejectOtherCharsets:
    """Refuses bodies whose declared encoding is not UTF-8: Python has codecs that produce no text, such as hex."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        charset = request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"
        if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
            return bad_request(request)
        return self.get_response(request)


class AdminBadInput:
    """Turns input on which Django's admin fails into 400 or 404: an invalid id, date or search pattern in the URL.

    An error in our own code, even if the admin calls it, remains a 500 with a traceback in the log.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or "admin" not in match.namespaces or not _is_raised_by_admin(error):
            return None
        if isinstance(error, ValidationError) and getattr(error, "code", "") == "invalid":  # from UUIDField
            return not_found(request, error)
        reads_query = request.method in ("GET", "HEAD") or str(match.url_name).endswith("_changelist")
        if not reads_query or not isinstance(error, (ValueError, OverflowError, DataError)):
            return None
        log.exception("The admin cannot process the input in %s", request.get_full_path())
        return bad_request(request)


def _is_raised_by_admin(error: Exception) -> bool:
    """Return whether, of our frames and the admin's, the innermost is the admin's."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        if str(frame.f_globals.get("__name__", "")).startswith("django.contrib.admin"):
            return True
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(settings.BASE_DIR) and "site-packages" not in file.parts:
            return False
    return False


class ProblemBodies:
    """Adds a problem body to errors without one, such as those of Django's decorators and the webhook endpoints."""

    CODES = {400: "bad_request", 403: "permission_denied", 405: "method_not_allowed", 413: "payload_too_large"}

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        code = self.CODES.get(response.status_code)
        if code is None or response.streaming or response.content:
            return response
        detail = " ".join(FRAMEWORK_TEXTS[code])
        with_body = problem_response(request, Problem(response.status_code, code, detail))
        if response.has_header("Allow"):
            with_body["Allow"] = response["Allow"]
        return with_body


class NoStoreByDefault:
    """Forbids caching unless the response sets its own policy: most are personal, and some contain a token."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class DatabaseUnavailable:
    """Turns the error of an unavailable or locked database in any view into 503 with Retry-After."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not is_database_unavailable(error):
            return None
        close_lost_connection(error)
        return problem_response(request, DATABASE_UNAVAILABLE)
