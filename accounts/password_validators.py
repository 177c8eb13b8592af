"""Rules for passwords, beside those of Django."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import MinimumLengthValidator


class AdminLengthValidator(MinimumLengthValidator):
    """The minimum length for admins (superusers)."""

    def validate(self, password: str, user: Any = None) -> None:
        if user is not None and user.is_superuser:
            super().validate(password, user)

    def get_help_text(self) -> str:
        return f"The password of an admin must contain at least {self.min_length} characters."
