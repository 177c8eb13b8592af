"""What every request passes through."""

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import is_valid_path

from bookings.database import database_is_away
from config.problem_pages import PROBLEMS
from config.problems import bad_request, database_problem, not_found, problem_answer

GetResponse = Callable[[HttpRequest], HttpResponse]


class EitherSlash:
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


class NoNul:
    """Refuses a NUL in the query string or a cookie: PostgreSQL's text holds none, and admin and sessions would try."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", "") or any("\0" in value for value in request.COOKIES.values()):
            return bad_request(request)
        return self.get_response(request)


class NoSuchId:
    """Says 404 to an address with an id that can be none: Django's admin would look for a row by it, and fail."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        is_no_id = isinstance(error, ValidationError) and getattr(error, "code", "") == "invalid"  # UUIDField's word
        return not_found(request, error) if is_no_id else None


class WordsForErrors:
    """Gives an error that comes without a word, as Django's decorators and the providers' doors answer, its problem."""

    CODES = {400: "bad_request", 403: "permission_denied", 405: "method_not_allowed", 413: "payload_too_large"}

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        code = self.CODES.get(answer.status_code)
        if code is None or answer.streaming or answer.content:
            return answer
        worded = problem_answer(request, status=answer.status_code, code=code, detail=" ".join(PROBLEMS[code]))
        if answer.has_header("Allow"):
            worded["Allow"] = answer["Allow"]
        return worded


class KeptByNobody:
    """Lets no cache keep an answer that does not say otherwise: most are for one person's eyes; some show a token."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        answer.headers.setdefault("Cache-Control", "no-store")
        return answer


class DatabaseTrouble:
    """Turns a database that is away or locked into 503 with Retry-After, wherever in the request it shows."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not database_is_away(error):
            return None
        connection.close_if_unusable_or_obsolete()
        return database_problem(request)
