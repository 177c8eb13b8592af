"""How often somebody may try to sign in, over the API or in the admin. A try that succeeds does not count."""

from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from bookings.limits import Limit, network_of

QUARTER = 900
NETWORK_HAS_MORE = 10  # an office shares one address


class SignInTries:
    """The tries of one request's network at one account. Another network still gets in: nobody is locked out."""

    def __init__(self, request: HttpRequest, username: str) -> None:
        most = settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR
        network = network_of(request)
        self._counts = [
            (Limit("sign-ins of an account", most, QUARTER), f"{network} {username.lower()}"[:300]),
            (Limit("sign-ins of a network", most * NETWORK_HAS_MORE, QUARTER), network),
        ]

    def allowed(self) -> bool:
        """Count a try; return whether it may go on."""
        return all(limit.allows(key) for limit, key in self._counts)

    def take_back(self) -> None:
        """Do not count the try after all: it was somebody who knows the password."""
        for limit, key in self._counts:
            limit.take_back(key)

    def seconds_left(self) -> int:
        return self._counts[0][0].seconds_left()


class LimitedSignInForm(AdminAuthenticationForm):
    """The admin's form, which stops listening to guesses."""

    def clean(self) -> dict[str, Any]:
        if self.request is None:
            raise ValueError("The form needs its request: it tells who tries.")
        tries = SignInTries(self.request, str(self.cleaned_data.get("username", "")))
        if not tries.allowed():
            minutes = tries.seconds_left() // 60 + 1
            raise ValidationError(
                f"Too many tries with this name. Wait {minutes} minutes and try again.", code="throttled"
            )
        cleaned: dict[str, Any] = super().clean()
        tries.take_back()
        return cleaned
