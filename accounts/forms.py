"""The forms of the pages that check a password, with its limits."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.sign_in import PasswordAttempt, TooManyAttempts


class SignInForm(AdminAuthenticationForm):
    """The admin's sign-in form."""

    def clean(self) -> dict[str, Any]:
        if self.request is None:
            raise ValueError("The form needs its request to determine the client address")
        try:
            with PasswordAttempt(self.request, str(self.cleaned_data.get("username", "")), "Sign-in") as attempt:
                cleaned: dict[str, Any] = super().clean()
                attempt.user = self.get_user()
        except TooManyAttempts as refusal:
            raise ValidationError(str(refusal), code="throttled") from refusal
        return cleaned


class PasswordChangeForm(AdminPasswordChangeForm):
    """The form with which staff change their password."""

    request: HttpRequest  # the page sets it

    def clean_old_password(self) -> str:
        user = self.user
        try:
            with PasswordAttempt(self.request, user.get_username(), "Proof for a new password") as attempt:
                password: str = super().clean_old_password()
                attempt.user = user
        except TooManyAttempts as refusal:
            raise ValidationError(str(refusal), code="throttled") from refusal
        return password
