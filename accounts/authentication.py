"""Authenticate staff by their bearer token."""

from django.contrib.auth.models import AbstractBaseUser
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
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


class StaffTokenScheme(KnoxTokenScheme):
    target_class = "accounts.authentication.StaffTokenAuthentication"
