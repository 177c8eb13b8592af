"""Rules for passwords, beside those of Django."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import MinimumLengthValidator, get_default_password_validators
from django.core.exceptions import ValidationError

from accounts.exceptions import AdminPasswordTooShort


class AdminLengthValidator(MinimumLengthValidator):
    """The minimum length for admins (superusers)."""

    def validate(self, password: str, user: Any = None) -> None:
        if user is not None and user.is_superuser:
            super().validate(password, user)

    def get_help_text(self) -> str:
        return f"The password of an admin must contain at least {self.min_length} characters."


def check_length_for_admin(user: Any, password: str) -> None:
    """Raise AdminPasswordTooShort for an admin whose password was set by ways that do not check it.

    ``createsuperuser`` does not know that it creates an admin, and a user may become one later.
    """
    for validator in get_default_password_validators():
        if isinstance(validator, AdminLengthValidator):
            try:
                validator.validate(password, user)
            except ValidationError as error:
                needed = f"An admin's password needs at least {validator.min_length} characters."
                raise AdminPasswordTooShort(f"{needed} Set one with manage.py changepassword.") from error
