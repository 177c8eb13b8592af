"""Who is calling: the tokens of config.tokens, read without trusting the header."""

from django.contrib.auth.models import AbstractBaseUser
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication
from knox.models import AuthToken
from rest_framework.exceptions import AuthenticationFailed


class StaffTokenAuthentication(TokenAuthentication):
    """knox's bearer tokens. What can be no token is refused; knox itself stumbles over what is not ASCII or is NUL."""

    def authenticate_credentials(self, token: bytes) -> tuple[AbstractBaseUser, AuthToken]:
        if not token.isalnum():  # of bytes: ASCII letters and digits only, as knox makes them
            raise AuthenticationFailed("That is no token. Sign in at POST /auth/token for one.")
        user, row = super().authenticate_credentials(token)
        if not user.is_staff:
            raise AuthenticationFailed("This account is no staff account any more.")
        return user, row


class StaffTokenScheme(KnoxTokenScheme):
    target_class = "accounts.authentication.StaffTokenAuthentication"
