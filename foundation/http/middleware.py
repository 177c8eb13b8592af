"""What every request passes through."""

import logging
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import DataError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

from foundation.database_errors import is_database_unavailable
from foundation.http.problem_pages import PROBLEMS
from foundation.http.problems import bad_request, database_unavailable, not_found, problem_response

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class OptionalTrailingSlash:
    """Answers a path with and without its trailing slash, without a redirect: a redirected POST loses its body."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        if not is_valid_path(path):
            other = path[:-1] if path.endswith("/") else f"{path}/"
            if is_valid_path(other):
                request.path_info = other
        return self.get_response(request)


class RejectNulBytes:
    """Refuses a NUL in the query string or a cookie: PostgreSQL's text holds none, and admin and sessions would try."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in value for value in request.COOKIES.values()):
            return bad_request(request)
        return self.get_response(request)


class AdminBadInput:
    """Answers where Django's admin fails over what it is asked: an id, a date or a pattern that can be none."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or "admin" not in match.namespaces:
            return None
        if isinstance(error, ValidationError) and getattr(error, "code", "") == "invalid":  # UUIDField's word
            return not_found(request, error)
        is_question = request.method in ("GET", "HEAD") or str(match.url_name).endswith("_changelist")
        if not is_question or not isinstance(error, (ValueError, OverflowError, DataError)):
            return None
        log.exception("The admin cannot answer %s", request.get_full_path())
        return bad_request(request)


class ProblemBodies:
    """Gives an error that comes without a word, as Django's decorators and the providers' doors answer, its problem."""

    CODES = {400: "bad_request", 403: "permission_denied", 405: "method_not_allowed", 413: "payload_too_large"}

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        code = self.CODES.get(answer.status_code)
        if code is None or answer.streaming or answer.content:
            return answer
        worded = problem_response(request, status=answer.status_code, code=code, detail=" ".join(PROBLEMS[code]))
        if answer.has_header("Allow"):
            worded["Allow"] = answer["Allow"]
        return worded


class NoStoreByDefault:
    """Lets no cache keep an answer that does not say otherwise: most are for one person's eyes; some show a token."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer


class DatabaseUnavailable:
    """Turns a database that is away or locked into 503 with Retry-After, wherever in the request it shows."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not is_database_unavailable(error):
            return None
        connection.close_if_unusable_or_obsolete()
        return database_unavailable(request)
