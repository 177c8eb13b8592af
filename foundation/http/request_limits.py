"""Limits the requests without an account to views outside the API. Views of the API have throttles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.views import APIView

from foundation.http.problem_texts import Problem, throttled_detail
from foundation.http.problems import problem_from, problem_response
from foundation.http.throttles import request_limit
from foundation.rate_limits.client_address import client_networks

View = TypeVar("View", bound=Callable[..., Any])


def limits_its_requests(view: View) -> View:
    """Mark a view whose requests the middleware must not count: it calls ``refuse_beyond_limit`` itself."""
    view.limits_its_requests = True  # type: ignore[attr-defined]
    return view


def refuse_beyond_limit(request: HttpRequest, cost: int = 1) -> HttpResponse | None:
    """Count a request; return a 429 if it is beyond the limit of its client, else None."""
    limit = request_limit()
    if limit.allows_client(client_networks(request), cost):
        return None
    wait = limit.seconds_until_reset()
    return problem_response(request, Problem(429, "throttled", throttled_detail(wait), wait))


class LimitRequests:
    """Applies the limit, unless a member of staff is signed in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if getattr(view, "limits_its_requests", False) or issubclass(getattr(view, "cls", object), APIView):
            return None
        try:
            return None if _is_signed_in(request) else refuse_beyond_limit(request)
        except Exception as error:  # Django turns only the exceptions of the view itself into problems
            problem = problem_from(error)
            if problem is None:
                raise
            return problem_response(request, problem)


def _is_signed_in(request: HttpRequest) -> bool:
    # Without the cookie, the session is not looked up, and the response does not vary by it.
    return settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
