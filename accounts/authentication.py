"""Authenticate staff by their bearer token."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed


class StaffTokenAuthentication(TokenAuthentication):
    """knox's token authentication, for staff accounts only. knox itself fails on NUL and on non-ASCII tokens."""

    def authenticate_credentials(self, token: bytes) -> tuple[AbstractBaseUser, AuthToken]:
        if not token.isalnum():  # for bytes: ASCII letters and digits only, as knox creates them
            raise AuthenticationFailed("Invalid token. Sign in at POST /auth/token to get one.")
        user, row = super().authenticate_credentials(token)
        if not user.is_staff:
            raise AuthenticationFailed("This account is no longer a staff account.")
        return user, row


class StaffTokenScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.StaffTokenAuthentication"
    name = "staffToken"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "The token that `POST /auth/token` returns to staff.",
        }
