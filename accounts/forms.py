"""The forms of the pages that check a password, with its limits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.forms import AdminPasswordChangeForm as SetPasswordOfUserForm
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.exceptions import AdminPasswordTooShort, SecondFactorInvalid, SecondFactorRequired
from accounts.password_validators import check_length_for_admin
from accounts.second_factor import check_second_factor, device_with, has_second_factor, new_key, set_up_second_factor
from accounts.sign_in import PasswordAttempt, TooManyAttempts

CODE = forms.TextInput(attrs={"autocomplete": "one-time-code"})


class SignInForm(AdminAuthenticationForm):
    """The admin's sign-in form."""

    code = forms.CharField(
        label="Code, if you use a second factor:", label_suffix="", max_length=16, required=False, widget=CODE
    )

    def clean(self) -> dict[str, Any]:
        if self.request is None:
            raise ValueError("The form needs its request to determine the client address")
        try:
            with PasswordAttempt(self.request, str(self.cleaned_data.get("username", "")), "Sign-in") as attempt:
                cleaned: dict[str, Any] = super().clean()
                user: Any = self.get_user()
                if user is not None:
                    check_length_for_admin(user, self.cleaned_data["password"])
                    user.otp_device = check_second_factor(user, self.cleaned_data.get("code", ""))
                attempt.user = user
        except TooManyAttempts as refusal:
            raise ValidationError(str(refusal), code="throttled") from refusal
        except (SecondFactorRequired, SecondFactorInvalid, AdminPasswordTooShort) as refusal:
            raise ValidationError(str(refusal), code=refusal.code) from refusal
        return cleaned


class ProvenForm(forms.Form):
    """Needs the password of the person who sends it, within the limits of a sign-in."""

    request: HttpRequest  # the page sets it
    your_password = forms.CharField(
        label="Your own password",
        help_text="To prove that it is you: not only your open browser.",
        max_length=128,
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    your_code = forms.CharField(
        label="Your own code, if you use a second factor", max_length=16, required=False, widget=CODE
    )

    def needs_proof(self) -> bool:
        """Return whether what was entered may only be saved with the password."""
        return True

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors or not self.needs_proof():
            return cleaned
        user: Any = self.request.user
        try:
            with PasswordAttempt(self.request, user.get_username(), "Proof for another account") as attempt:
                if not user.check_password(cleaned.get("your_password", "")):
                    raise ValidationError("Your own password is wrong or missing.", code="password_incorrect")
                check_second_factor(user, cleaned.get("your_code", ""))
                attempt.user = user
        except TooManyAttempts as refusal:
            self.add_error("your_password", str(refusal))
        except ValidationError as refusal:
            self.add_error("your_password", refusal)
        except (SecondFactorRequired, SecondFactorInvalid) as refusal:
            self.add_error("your_code", str(refusal))
        return cleaned


class ProvenUserForm(ProvenForm, UserChangeForm):
    """The admin's form of a user: a new e-mail address or role of a superuser needs proof, as does removing the second
    factor."""

    removes_second_factor = forms.BooleanField(
        label="Remove the second factor", required=False, help_text="The user then sets up a new one."
    )

    def needs_proof(self) -> bool:
        return bool({"email", "is_superuser", "removes_second_factor"} & {*self.changed_data})


class ProvenPasswordForm(ProvenForm, SetPasswordOfUserForm):
    """The admin's form for the password of a user."""


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


class SecondFactorForm(forms.Form):
    """Sets up a second factor: needs the password again and, to replace one, a code of the earlier one."""

    password = forms.CharField(label="Your password", max_length=128, strip=False, widget=forms.PasswordInput)
    earlier_code = forms.CharField(label="Code of the app until now, or a recovery code", max_length=16, widget=CODE)
    code = forms.CharField(label="Code of the new app", max_length=16, widget=CODE)
    key = forms.CharField(max_length=500, widget=forms.HiddenInput)

    def __init__(self, request: HttpRequest, user: User, data: Any = None) -> None:
        super().__init__(data, initial={"key": new_key(user)})
        self._request, self._user = request, user
        self.codes: list[str] = []
        self.device: Any = None
        if not has_second_factor(user):
            del self.fields["earlier_code"]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if self.errors:
            return cleaned
        try:
            with PasswordAttempt(self._request, self._user.get_username(), "Proof for a second factor") as attempt:
                if not self._user.check_password(cleaned["password"]):
                    raise ValidationError("The password is wrong.", code="password_incorrect")
                device = device_with(self._user, cleaned["key"])
                self.codes = set_up_second_factor(
                    self._user, device, code=cleaned["code"], earlier_code=cleaned.get("earlier_code", "")
                )
                self.device, attempt.user = device, self._user
        except (TooManyAttempts, SecondFactorInvalid) as refusal:
            raise ValidationError(str(refusal)) from refusal
        return cleaned
