"""Staff sign-in over the API: ``Authorization: Bearer …``."""

from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import permissions, serializers, status
from rest_framework.exceptions import APIException, PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.callers import service_token_of
from accounts.exceptions import (
    AdminPasswordTooShort,
    SecondFactorInvalid,
    SecondFactorMissing,
    SecondFactorRequired,
    SignInBusy,
)
from accounts.models import StaffToken
from accounts.operations import AccountChanged, create_staff_token
from accounts.password_validators import check_length_for_admin
from accounts.second_factor import check_second_factor
from accounts.sign_in import PasswordAttempt, TooManyAttempts
from foundation.http.openapi import raises


class SignInFailed(APIException):
    status_code = status.HTTP_401_UNAUTHORIZED
    default_code = "sign_in_failed"
    default_detail = "The username and password do not match a staff account."
    auth_header = "Bearer"


class SignInInputSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=128, trim_whitespace=False)
    code = serializers.CharField(max_length=16, required=False, allow_blank=True)


class SignInResponseSerializer(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class IsStaff(permissions.IsAuthenticated):
    """Refuses service tokens: admins revoke those in the admin."""

    message = "Only staff sign out here. An admin revokes service tokens in the admin."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and service_token_of(request) is None


class Token(APIView):
    request_cost = 10  # a password hash

    def get_permissions(self) -> list[Any]:
        return [IsStaff()] if self.request.method == "DELETE" else [permissions.AllowAny()]

    def get_authenticators(self) -> list[Any]:
        # An expired token in the header must not prevent a new sign-in.
        return [] if self.request and self.request.method == "POST" else super().get_authenticators()

    @extend_schema(
        operation_id="signIn",
        summary="Sign in as staff",
        description="Send the token of the response as `Authorization: Bearer …`. It is valid for ten hours. "
        "An account with a second factor needs its current code, or a recovery code, as `code`; each is accepted once.",
        request=SignInInputSerializer,
        responses=SignInResponseSerializer,
    )
    @raises(
        SignInFailed,
        Throttled,
        SignInBusy,
        SecondFactorRequired,
        SecondFactorInvalid,
        SecondFactorMissing,
        AdminPasswordTooShort,
    )
    def post(self, request: Request) -> Response:
        serializer = SignInInputSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        username, password = (serializer.validated_data[name] for name in ("username", "password"))
        try:
            with PasswordAttempt(request, username, "Sign-in over the API") as attempt:
                user = authenticate(request, username=username, password=password)
                if user is None or not user.is_staff:
                    raise SignInFailed
                check_length_for_admin(user, password)
                device = check_second_factor(user, serializer.validated_data.get("code", ""))
                if device is None and settings.SECOND_FACTOR_REQUIRED:
                    raise SecondFactorMissing("Set up a second factor at /admin/ first.")
                new_token = create_staff_token(user=user)
                attempt.user = user
        except AccountChanged as error:
            raise SignInFailed from error
        except TooManyAttempts as error:
            raise Throttled(error.seconds) from error
        return Response({"token": new_token.token, "expires_at": new_token.row.expires_at})

    @extend_schema(
        operation_id="signOut",
        summary="Sign out",
        description="The token in `Authorization` is revoked.",
        request=None,
        responses={204: None},
    )
    @raises(PermissionDenied)
    def delete(self, request: Request) -> Response:
        StaffToken.objects.filter(pk=request.auth.pk).end()
        return Response(status=status.HTTP_204_NO_CONTENT)
