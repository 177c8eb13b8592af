"""Authenticate callers by their bearer token: staff, and other programs of the business."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from accounts.models import ServiceToken
from accounts.models.service_token import PREFIX


class ServiceTokenUser(AnonymousUser):
    """The user of a request with a service token. It has no permission of staff."""

    is_authenticated = True  # type: ignore[assignment]
    is_anonymous = False  # type: ignore[assignment]

    def __init__(self, service_token: ServiceToken) -> None:
        super().__init__()
        self.service_token = service_token

    def get_username(self) -> str:
        return self.service_token.name


class BearerTokenAuthentication(TokenAuthentication):
    """Accepts service tokens, and knox's tokens of staff accounts. knox itself fails on NUL and non-ASCII tokens."""

    def authenticate_credentials(self, token: bytes) -> tuple[Any, Any]:
        if token.startswith(PREFIX.encode()):
            return _authenticate_service_token(token)
        if not token.isalnum():  # for bytes: ASCII letters and digits only, as knox creates them
            raise AuthenticationFailed("Invalid token. Sign in at POST /auth/token to get one.")
        user, row = super().authenticate_credentials(token)
        if not user.is_staff:
            raise AuthenticationFailed("This account is no longer a staff account.")
        return user, row


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


def _authenticate_service_token(token: bytes) -> tuple[ServiceTokenUser, ServiceToken]:
    row = ServiceToken.find_active(token.decode("latin-1"))
    if row is None:
        raise AuthenticationFailed("This service token is unknown or revoked. Ask an admin of the business for one.")
    return ServiceTokenUser(row), row
