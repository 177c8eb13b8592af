"""The rate limit for sign-in over the API and in the admin. Successful sign-ins do not count."""

from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from foundation.rate_limits.client_address import client_network
from foundation.rate_limits.rate_limit import RateLimit

QUARTER_HOUR = 900
NETWORK_FACTOR = 10  # everyone in an office shares one address


class SignInRateLimit:
    """Limits failed sign-ins per account and network and, more generously, per network.

    An attacker therefore cannot lock out users who sign in from elsewhere.
    """

    def __init__(self, request: HttpRequest, username: str) -> None:
        limit = settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR
        network = client_network(request)
        self._limits = [
            (RateLimit("sign-ins per account and network", limit, QUARTER_HOUR), f"{network} {username.lower()}"[:300]),
            (RateLimit("sign-ins per network", limit * NETWORK_FACTOR, QUARTER_HOUR), network),
        ]

    def allows(self) -> bool:
        """Count an attempt; return whether it is within the limits."""
        return all(limit.allows(key) for limit, key in self._limits)

    def undo(self) -> None:
        """Undo the attempt: it was successful."""
        for limit, key in self._limits:
            limit.undo(key)

    def seconds_until_reset(self) -> int:
        """Return the seconds until the current window ends."""
        return self._limits[0][0].seconds_until_reset()


class RateLimitedSignInForm(AdminAuthenticationForm):
    """The admin's sign-in form with the rate limit."""

    def clean(self) -> dict[str, Any]:
        if self.request is None:
            raise ValueError("The form needs its request to determine the client address")
        rate_limit = SignInRateLimit(self.request, str(self.cleaned_data.get("username", "")))
        if not rate_limit.allows():
            minutes = rate_limit.seconds_until_reset() // 60 + 1
            raise ValidationError(
                f"Too many failed sign-ins. Try again in {minutes} minute{pluralize(minutes)}.", code="throttled"
            )
        cleaned: dict[str, Any] = super().clean()
        rate_limit.undo()
        return cleaned
