"""How often somebody may try to sign in, over the API or in the admin. A try that succeeds does not count."""

from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from foundation.rate_limits.client_address import client_network
from foundation.rate_limits.rate_limit import RateLimit

QUARTER = 900
NETWORK_HAS_MORE = 10  # an office shares one address


class SignInRateLimit:
    """The tries of one request's network at one account. Another network still gets in: nobody is locked out."""

    def __init__(self, request: HttpRequest, username: str) -> None:
        most = settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR
        network = client_network(request)
        self._counts = [
            (RateLimit("sign-ins of an account", most, QUARTER), f"{network} {username.lower()}"[:300]),
            (RateLimit("sign-ins of a network", most * NETWORK_HAS_MORE, QUARTER), network),
        ]

    def allowed(self) -> bool:
        """Count a try; return whether it may go on."""
        return all(limit.allows(key) for limit, key in self._counts)

    def undo(self) -> None:
        """Do not count the try after all: it was somebody who knows the password."""
        for limit, key in self._counts:
            limit.undo(key)

    def seconds_until_reset(self) -> int:
        return self._counts[0][0].seconds_until_reset()


class RateLimitedSignInForm(AdminAuthenticationForm):
    """The admin's form, which stops listening to guesses."""

    def clean(self) -> dict[str, Any]:
        if self.request is None:
            raise ValueError("The form needs its request: it tells who tries.")
        tries = SignInRateLimit(self.request, str(self.cleaned_data.get("username", "")))
        if not tries.allowed():
            minutes = tries.seconds_until_reset() // 60 + 1
            raise ValidationError(
                f"Too many tries with this name. Wait {minutes} minutes and try again.", code="throttled"
            )
        cleaned: dict[str, Any] = super().clean()
        tries.undo()
        return cleaned
