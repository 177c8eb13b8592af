"""Leads staff without a second factor to the page on which they set it up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from foundation.http.error_pages import is_api_path

WITHOUT_SECOND_FACTOR = {"second-factor", "login", "logout"}


class RequireSecondFactor:
    """Refuses pages to sessions without a second factor, if the setting requires one. The API has its own check."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not settings.SECOND_FACTOR_REQUIRED or is_api_path(request.path):
            return None
        name = request.resolver_match.url_name if request.resolver_match else None
        if settings.SESSION_COOKIE_NAME not in request.COOKIES or name in WITHOUT_SECOND_FACTOR:
            return None
        user: Any = request.user
        return redirect("second-factor") if user.is_authenticated and not user.is_verified() else None
