"""One shape for every error: RFC 9457 problem+json with a stable ``code``. The only place that pairs a reason with a
status."""

from __future__ import annotations

import http
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from bookings.exceptions import (
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    InvalidTransition,
    OutsideHours,
    PartyTooLarge,
    RequestInProgress,
    SlotTaken,
    TooLateToChange,
    TooManyUpcomingBookings,
    UnpaidHoldExists,
    VisitNotStarted,
    WrongPaymentMode,
)
from bookings.models import Booking
from foundation.database_errors import is_database_unavailable
from payments.exceptions import (
    GatewayUnavailable,
    OrderRejected,
    PaidTooLate,
    PaymentMismatch,
    SignatureInvalid,
    UnknownOrder,
)

CONTENT_TYPE = "application/problem+json"

# Why the apps say no → status, code, and after how many seconds it is worth trying again.
REFUSALS: dict[type[Exception], tuple[int, str, int | None]] = {
    SlotTaken: (409, "slot_taken", None),
    OutsideHours: (422, "outside_hours", None),
    PartyTooLarge: (422, "party_too_large", None),
    TooManyUpcomingBookings: (422, "too_many_open", None),
    UnpaidHoldExists: (409, "hold_open", None),
    TooLateToChange: (409, "too_late_to_change", None),
    VisitNotStarted: (409, "too_early", None),
    WrongPaymentMode: (422, "wrong_payment_mode", None),
    InvalidTransition: (409, "invalid_transition", None),
    IdempotencyKeyMalformed: (400, "idempotency_key_malformed", None),
    IdempotencyKeyReused: (422, "idempotency_key_reused", None),
    RequestInProgress: (409, "request_in_progress", 1),
    Booking.DoesNotExist: (404, "not_found", None),
    UnknownOrder: (404, "not_found", None),
    SignatureInvalid: (400, "signature_invalid", None),
    PaymentMismatch: (409, "payment_mismatch", None),
    PaidTooLate: (409, "paid_too_late", None),
    GatewayUnavailable: (503, "gateway_unavailable", 5),
    OrderRejected: (502, "gateway_rejected", None),
    RequestDataTooBig: (413, "payload_too_large", None),
    SuspiciousOperation: (400, "bad_request", None),  # such as a thousand parameters
    OperationalError: (503, "database_unavailable", 2),
}
UNREADABLE = "The request cannot be read, or is for a host that this service does not answer for. Check its address."
TEXTS = {
    RequestDataTooBig: "The body is larger than 64 KiB. Send less.",
    SuspiciousOperation: UNREADABLE,
    OperationalError: "The database is not available right now. Send the same request again in a moment.",
    Booking.DoesNotExist: "There is no such booking.",
}


def codes_of(status: int) -> set[str]:
    """Return the codes that problems of a status come with."""
    ours = {code for known, code, _ in REFUSALS.values() if known == status}
    theirs = {str(kind.default_code) for kind in APIException.__subclasses__() if kind.status_code == status}
    return ours | {"invalid_input" if code == "invalid" else code for code in theirs}


class Refusal(APIException):
    """A reason from REFUSALS, in DRF's words."""

    def __init__(self, error: Exception, kind: type[Exception]) -> None:
        self.status_code, code, self.wait = REFUSALS[kind]
        if isinstance(error, UnpaidHoldExists):
            self.wait = error.seconds_left
        super().__init__(TEXTS.get(kind) or str(error), code)


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if is_database_unavailable(exc):
            return Refusal(exc, OperationalError)
        for kind in type(exc).__mro__:
            if kind in REFUSALS:
                return Refusal(exc, kind)
        known: Exception = super().convert_known_exceptions(exc)
        return known

    def get_response(self, exc: APIException, data: dict[str, Any]) -> Response:
        # Also where the view itself answers with YAML or a page.
        request = self.context["request"]
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), CONTENT_TYPE
        response: Response = super().get_response(exc, data)
        response.content_type = CONTENT_TYPE
        return response


class ProblemFormatter(ExceptionFormatter):
    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        invalid = error_response.type == "validation_error"
        first = error_response.errors[0]
        request = self.context["request"]
        body = problem(
            status=self.exc.status_code,
            code="invalid_input" if invalid else first.code,
            detail="Some fields are not right; each is named in errors." if invalid else first.detail,
            instance=request.path if request is not None else "",
        )
        if invalid:
            body["errors"] = [
                {"field": error.attr, "code": error.code, "detail": error.detail} for error in error_response.errors
            ]
        if isinstance(self.original_exc, SlotTaken):
            body["alternatives"] = [at.isoformat() for at in self.original_exc.alternatives]
        if isinstance(self.original_exc, GatewayUnavailable):
            held = self.original_exc.booking
            until = held.hold_expires_at and held.hold_expires_at.astimezone(held.zone)
            body["booking"] = {"id": held.pk, "status": held.status, "hold_expires_at": until}
        return body


def problem(*, status: int, code: str, detail: str, instance: str) -> dict[str, Any]:
    """Return the members every problem has. ``code`` is what clients branch on; the texts may change."""
    return {
        "type": f"/problems/{code.replace('_', '-')}",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
        "instance": instance,
    }


def problem_response(
    request: HttpRequest, *, status: int, code: str, detail: str, wait: int | None = None
) -> HttpResponse:
    """Answer a problem from outside the API's views."""
    body = problem(status=status, code=code, detail=detail, instance=request.path)
    answer = JsonResponse(body, status=status, content_type=CONTENT_TYPE)
    if wait is not None:
        answer["Retry-After"] = str(wait)
    return answer


def database_unavailable(request: HttpRequest) -> HttpResponse:
    """Answer that the database is away or locked."""
    status, code, wait = REFUSALS[OperationalError]
    return problem_response(request, status=status, code=code, detail=TEXTS[OperationalError], wait=wait)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer for a request that Django itself refuses, such as one for a host that is not in ALLOWED_HOSTS."""
    return problem_response(request, status=400, code="bad_request", detail=UNREADABLE)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer for a path that does not exist."""
    return problem_response(
        request, status=404, code="not_found", detail="There is nothing here. The API's paths are listed at /docs/."
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for a fault of our own."""
    detail = "Something went wrong on our side. It has been logged; try again later."
    return problem_response(request, status=500, code="error", detail=detail)
