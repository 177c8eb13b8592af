"""Headers that limit what browsers do with our responses, and the refusal of plain HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.conf import settings
from django.core import checks
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect

from foundation.http.error_pages import is_api_path
from foundation.http.problem_texts import Problem, standard_detail
from foundation.http.problems import problem_response

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

HTTPS_REQUIRED = Problem(403, "https_required", standard_detail("https_required"))
NOT_ENFORCED = checks.Warning(
    "PUBLIC_BASE_URL begins with https://, but TRUSTED_PROXIES is 0: plain HTTP is neither redirected nor refused.",
    hint="Set TRUSTED_PROXIES to the number of your proxies; the outermost must set X-Forwarded-Proto.",
    id="daybook.W001",
)


class SecurityHeaders:
    """Adds the headers of ``config/settings/security.py`` to every response."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in settings.SECURITY_HEADERS.items():
            response.headers[name] = value
        return response


class RequireHttps:
    """Redirects pages that a trusted proxy received over plain HTTP; refuses other requests, which may hold secrets.

    A request without X-Forwarded-Proto is served: behind a proxy that does not set it, a redirect would never end.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.has_warned = False

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.SECURE_PROXY_SSL_HEADER is None or request.is_secure():
            return self.get_response(request)
        if "X-Forwarded-Proto" not in request.headers:
            self._warn(request)
            return self.get_response(request)
        if request.method in ("GET", "HEAD") and not is_api_path(request.path_info):
            # Not the Host header, which the client chooses.
            return HttpResponsePermanentRedirect(f"{settings.PUBLIC_BASE_URL}{request.get_full_path()}")
        return problem_response(request, HTTPS_REQUIRED)

    def _warn(self, request: HttpRequest) -> None:
        if not self.has_warned and "X-Forwarded-For" in request.headers:
            self.has_warned = True
            log.warning(
                "The proxy sets no X-Forwarded-Proto: requests over plain HTTP are neither redirected nor refused."
            )


def check_https(**kwargs: object) -> list[checks.CheckMessage]:
    """Warn if HTTPS is promised, but cannot be enforced."""
    is_enforced = settings.SECURE_PROXY_SSL_HEADER is not None
    return [] if is_enforced or not settings.PUBLIC_BASE_URL.startswith("https://") else [NOT_ENFORCED]
