"""Authenticate callers by their bearer token: staff, and other programs of the business."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from accounts.models import ServiceToken, StaffToken
from accounts.models.service_token import PREFIX
from foundation.http.throttles import request_limit
from foundation.rate_limits.client_address import client_networks


class ServiceTokenUser(AnonymousUser):
    """The user of a request with a service token. It has no permission of staff."""

    is_authenticated = True  # type: ignore[assignment]
    is_anonymous = False  # type: ignore[assignment]

    def __init__(self, service_token: ServiceToken) -> None:
        super().__init__()
        self.service_token = service_token

    def get_username(self) -> str:
        return self.service_token.name


class BearerTokenAuthentication(BaseAuthentication):
    """Accepts service tokens, and the tokens of staff accounts."""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, *parts = get_authorization_header(request).split() or [b""]
        if scheme.lower() != b"bearer":
            return None
        if len(parts) != 1:
            raise AuthenticationFailed("Send the token as Authorization: Bearer …, in one word.")
        token = parts[0].decode("latin-1")
        try:
            return _authenticate_service_token(token) if token.startswith(PREFIX) else _authenticate_staff_token(token)
        except AuthenticationFailed:
            # The throttles come later, and only for callers that are let in.
            if not request_limit().allows_client(client_networks(request)):
                raise Throttled(request_limit().seconds_until_reset()) from None
            raise


class BearerTokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.BearerTokenAuthentication"
    name = "staffToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that `POST /auth/token` returns to staff, or a service token. A service token "
            "gives access to the bookings that were created with it.",
        }


def _authenticate_staff_token(token: str) -> tuple[User, StaffToken]:
    row = StaffToken.find_active(token)
    if row is None:
        raise AuthenticationFailed("Invalid token. Sign in at POST /auth/token to get one.")
    return row.user, row


def _authenticate_service_token(token: str) -> tuple[ServiceTokenUser, ServiceToken]:
    row = ServiceToken.find_active(token)
    if row is None:
        raise AuthenticationFailed("This service token is unknown or revoked. Ask an admin of the business for one.")
    return ServiceTokenUser(row), row
