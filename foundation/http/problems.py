"""One format for every error: RFC 9457 ``application/problem+json`` with a stable ``code``.

Requests that the rules refuse raise ``RequestRefused``, which carries the code and status. FRAMEWORK_PROBLEMS and
DATABASE_UNAVAILABLE cover the errors of Django and of the database; DRF defines its own.
"""

from __future__ import annotations

import http
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from foundation.database_errors import close_lost_connection, is_database_unavailable
from foundation.exceptions import RequestRefused, all_refusals

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """An error with its status and code. ``retry_after`` is in seconds."""

    status: int
    code: str
    detail: str
    retry_after: int | None = None


DATABASE_UNAVAILABLE = Problem(
    503,
    "database_unavailable",
    "The database is unavailable right now. Send the same request again in a moment.",
    retry_after=2,
)
BAD_REQUEST = Problem(
    400, "bad_request", "The request is malformed, or is for a host that this service does not serve. Check the URL."
)
FRAMEWORK_PROBLEMS: dict[type[Exception], Problem] = {
    RequestDataTooBig: Problem(413, "payload_too_large", "The body is larger than 64 KiB. Send a smaller one."),
    SuspiciousOperation: BAD_REQUEST,  # such as more than 1,000 parameters
}


def codes_for_status(status: int) -> set[str]:
    """Return the codes of the problems that have this status."""
    own_problems = {DATABASE_UNAVAILABLE, *FRAMEWORK_PROBLEMS.values()}
    codes = {problem.code for problem in own_problems if problem.status == status}
    codes |= {refusal.code for refusal in all_refusals() if refusal.status == status}
    drf_codes = {str(kind.default_code) for kind in APIException.__subclasses__() if kind.status_code == status}
    return codes | {"invalid_input" if code == "invalid" else code for code in drf_codes}


class _ProblemException(APIException):
    """A problem as the exception that DRF's handler expects. ``wait`` becomes Retry-After."""

    def __init__(self, problem: Problem) -> None:
        self.status_code, self.wait = problem.status, problem.retry_after
        super().__init__(problem.detail, problem.code)


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if is_database_unavailable(exc):
            close_lost_connection(exc)
            return _ProblemException(DATABASE_UNAVAILABLE)
        if isinstance(exc, RequestRefused):
            return _ProblemException(Problem(exc.status, exc.code, str(exc), exc.retry_after))
        for kind, problem in FRAMEWORK_PROBLEMS.items():
            if isinstance(exc, kind):
                return _ProblemException(problem)
        known: Exception = super().convert_known_exceptions(exc)
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
                {"field": error.attr, "code": error.code, "detail": error.detail} for error in error_response.errors
            ]
        if isinstance(self.original_exc, RequestRefused):
            body |= self.original_exc.extra_members()
        return body


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


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return a problem response for an error outside DRF's views."""
    body = problem_body(status=problem.status, code=problem.code, detail=problem.detail, instance=request.path)
    response = JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE)
    if problem.retry_after is not None:
        response["Retry-After"] = str(problem.retry_after)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Respond to a request that Django refuses, such as one for a host that is not in ALLOWED_HOSTS."""
    return problem_response(request, BAD_REQUEST)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond to a request for an unknown path."""
    return problem_response(
        request, Problem(404, "not_found", "There is nothing at this path. The API's paths are listed at /docs/.")
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Respond after an unexpected error."""
    return problem_response(
        request, Problem(500, "error", "Something went wrong on our side. It has been logged. Try again later.")
    )
