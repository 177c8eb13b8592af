"""One format for every error: RFC 9457 ``application/problem+json`` with a stable ``code``, or a page for a person.

Requests that the rules refuse raise ``RequestRefused``, which carries the code and status. FRAMEWORK_PROBLEMS and
DATABASE_UNAVAILABLE cover the errors of Django and of the database; DRF defines its own.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework.exceptions import (
    APIException,
    ErrorDetail,
    MethodNotAllowed,
    NotAcceptable,
    Throttled,
    UnsupportedMediaType,
)
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.settings import api_settings

from foundation.database_errors import close_lost_connection, is_database_unavailable
from foundation.exceptions import RequestRefused
from foundation.http.error_pages import error_page, wants_page
from foundation.http.problem_texts import (
    CONTENT_TYPE,
    FRAMEWORK_TEXTS,
    Problem,
    problem_body,
    problem_from_status,
    standard_detail,
    throttled_detail,
)

DATABASE_UNAVAILABLE = Problem(
    503,
    "database_unavailable",
    "The database is unavailable right now. Send the same request again in a moment.",
    retry_after=2,
)
BAD_REQUEST = problem_from_status(400)
FRAMEWORK_PROBLEMS: dict[type[Exception], Problem] = {
    RequestDataTooBig: problem_from_status(413),
    SuspiciousOperation: BAD_REQUEST,  # such as more than 1,000 parameters
    UnreadablePostError: BAD_REQUEST,  # the connection ended in the middle of the body
}
# DRF's texts for these name neither the reason nor the next step.
REWORDED = (MethodNotAllowed, NotAcceptable, UnsupportedMediaType)


def problem_from(error: Exception) -> Problem | None:
    """Return the problem of an exception that is not a fault of ours; None for any other."""
    if is_database_unavailable(error):
        close_lost_connection(error)
        return DATABASE_UNAVAILABLE
    if isinstance(error, RequestRefused):
        return Problem(error.status, error.code, str(error), error.retry_after)
    if isinstance(error, Throttled):
        wait = int(error.wait or 1)  # type: ignore[attr-defined]  # missing in the stubs
        return Problem(429, "throttled", throttled_detail(wait), wait)
    return next((problem for kind, problem in FRAMEWORK_PROBLEMS.items() if isinstance(error, kind)), None)


def _has_text_of_drf(error: APIException) -> bool:
    is_unchanged = isinstance(error, REWORDED) or str(error.detail) == str(error.default_detail)
    return is_unchanged and error.default_code in FRAMEWORK_TEXTS


class _ProblemException(APIException):
    """A problem as the exception that DRF's handler expects. ``wait`` becomes Retry-After."""

    def __init__(self, problem: Problem) -> None:
        self.status_code, self.wait = problem.status, problem.retry_after
        super().__init__(problem.detail, problem.code)


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        problem = problem_from(exc)
        known: Exception = _ProblemException(problem) if problem else super().convert_known_exceptions(exc)
        if isinstance(known, APIException) and _has_text_of_drf(known):
            code = str(known.default_code)
            known.detail = ErrorDetail(standard_detail(code), code)
        return known

    def get_response(self, exc: APIException, data: dict[str, Any]) -> Response:
        # Errors are JSON even if the view itself responds with YAML or HTML.
        request = self.context["request"]
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), CONTENT_TYPE
        response: Response = super().get_response(exc, data)
        response.content_type = CONTENT_TYPE
        return response


class ProblemFormatter(ExceptionFormatter):
    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        is_invalid_input = error_response.type == "validation_error"
        first = error_response.errors[0]
        request = self.context["request"]
        body = problem_body(
            status=self.exc.status_code,
            code="invalid_input" if is_invalid_input else first.code,
            detail="Some fields are invalid. See errors." if is_invalid_input else first.detail,
            instance=request.path if request is not None else "",
        )
        if is_invalid_input:
            body["errors"] = [
                {"field": _field_of(error.attr), "code": error.code, "detail": error.detail}
                for error in error_response.errors
            ]
        if isinstance(self.original_exc, RequestRefused):
            body |= self.original_exc.extra_members()
        return body


def _field_of(attr: str | None) -> str | None:
    """Return the path of the field. DRF adds ``non_field_errors`` to that of an object which is invalid as a whole."""
    return (attr or "").removesuffix(api_settings.NON_FIELD_ERRORS_KEY).rstrip(".") or None


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return the response for an error outside DRF's views."""
    response = error_page(problem) if wants_page(request) else _json_response(request, problem)
    response["Content-Length"] = str(len(response.content))  # Django sets it only in its own middleware
    if problem.retry_after is not None:
        response["Retry-After"] = str(problem.retry_after)
    return response


def _json_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    body = problem_body(status=problem.status, code=problem.code, detail=problem.detail, instance=request.path)
    return JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Respond to a request that Django refuses, such as one for a host that is not in ALLOWED_HOSTS."""
    known = problem_from(exception) if exception else None
    return problem_response(request, known or BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond to a user who lacks the permission."""
    return problem_response(request, problem_from_status(403))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Respond to a form that may come from another site. Django logs the reason."""
    return problem_response(request, Problem(403, "csrf_failed", standard_detail("csrf_failed")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond to a request for an unknown path."""
    return problem_response(request, problem_from_status(404))


def server_error(request: HttpRequest) -> HttpResponse:
    """Respond after an unexpected error."""
    return problem_response(request, problem_from_status(500))
