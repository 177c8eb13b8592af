"""Middleware that every request passes through."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

from foundation.http.error_pages import wants_page
from foundation.http.problem_texts import CONTENT_TYPE, Problem, problem_from_status
from foundation.http.problems import bad_request, not_found, problem_from, problem_response

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]
View = Callable[..., Any]

NOT_UTF_8 = Problem(415, "unsupported_media_type", "The body is not in UTF-8. Send it in UTF-8.")
COMPRESSED = Problem(
    415, "unsupported_media_type", "The body is compressed. Send it uncompressed, without Content-Encoding."
)


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
    """Refuses NUL bytes in the path, the query and cookies: PostgreSQL's text type cannot store them."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        texts = [request.path_info, *request.COOKIES.values()]
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in text for text in texts):
            return bad_request(request)
        return self.get_response(request)


def accept_any_body(view: View) -> View:
    """Mark a view that stores a body even if it cannot be read: its sender would only send the same again."""
    view.accepts_any_body = True  # type: ignore[attr-defined]
    return view


class RejectUnreadableBodies:
    """Refuses bodies that are compressed, or whose declared charset is not UTF-8."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> HttpResponse | None:
        if getattr(view, "accepts_any_body", False):
            return None
        encodings = f"{request.headers.get('Content-Encoding', '')},{request.headers.get('Transfer-Encoding', '')}"
        if {encoding.strip().lower() for encoding in encodings.split(",")} - {"", "identity", "chunked"}:
            return problem_response(request, COMPRESSED)
        charset = request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"
        if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
            return problem_response(request, NOT_UTF_8)
        return None


class MethodsOfPath:
    """Responds to OPTIONS with the methods of the path, to any caller and without counting towards a rate limit."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        view_class = getattr(view, "view_class", None)
        if request.method != "OPTIONS" or view_class is None:
            return None
        names = view.view_initkwargs.get("http_method_names", view_class.http_method_names)
        allowed = {name.upper() for name in names if hasattr(view_class, name)} | {"OPTIONS"}
        allowed |= {"HEAD"} if "GET" in allowed else set()
        return HttpResponse(status=204, headers={"Allow": ", ".join(sorted(allowed))})


class NoBodyForHead:
    """Leaves out the body of a response to HEAD, but not its Content-Length. gunicorn would log a warning for each."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.method == "HEAD" and not response.streaming:
            response.headers.setdefault("Content-Length", str(len(response.content)))
            response.content = b""
        return response


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
        if not reads_query or not isinstance(error, (ValueError, LookupError, OverflowError, DataError)):
            return None
        log.exception("The admin cannot process the input in %s", request.path)  # the query may be a search
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


class OneErrorFormat:
    """Replaces errors in other formats, such as those of Django's decorators, its debug pages, and the webhooks."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or self._has_error_format(request, response):
            return response
        problem = problem_response(request, problem_from_status(response.status_code))
        for name in ("Allow", "Retry-After", "WWW-Authenticate"):
            if response.has_header(name):
                problem[name] = response[name]
        return problem

    def _has_error_format(self, request: HttpRequest, response: HttpResponse) -> bool:
        content_type = response.headers.get("Content-Type", "").partition(";")[0]
        is_page = content_type == "text/html" and (response.streaming or bool(response.content))
        return content_type == CONTENT_TYPE or (is_page and wants_page(request))


class NoStoreByDefault:
    """Forbids caching unless the response sets its own policy: most are personal, and some contain a token."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


class ProblemsOfViews:
    """Responds to an unavailable database, a refused request and an unreadable body in any view, as the API does."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        problem = problem_from(error)
        return problem_response(request, problem) if problem else None
