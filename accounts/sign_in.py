"""Checks of a password: within the limits, and logged. Every form with a password uses ``PasswordAttempt``.

The log names accounts by their id and networks by the start of a keyed hash: a typed name may be a password.
"""

from __future__ import annotations

import logging
from types import TracebackType

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from rest_framework.exceptions import APIException

from accounts.exceptions import SecondFactorInvalid
from accounts.models.known_network import KnownNetwork, network_hash
from foundation.keyed_hash import keyed_hash
from foundation.rate_limits.client_address import client_network, client_networks
from foundation.rate_limits.rate_limit import RateLimit

log = logging.getLogger(__name__)

QUARTER_HOUR = 900
NETWORK_FACTOR = 10  # everyone in an office shares one address
ACCOUNT_FACTOR = 4


class TooManyAttempts(Exception):
    """Too many passwords were wrong. ``seconds``: until the window ends."""

    def __init__(self, seconds: int) -> None:
        minutes = seconds // 60 + 1
        super().__init__(f"Too many failed sign-ins. Try again in {minutes} minute{pluralize(minutes)}.")
        self.seconds = seconds


class PasswordAttempt:
    """One check of a password, inside a ``with`` block that sets ``user`` if it succeeds.

    Failures count per account and network; per network; and per account, for networks from which it never signed in:
    guesses from many addresses reach this limit, and do not lock out the places where the account is used. Entering
    the block raises TooManyAttempts beyond a limit. A refusal that leaves the block is a failure; any other exception,
    such as that of a busy host, does not count.
    """

    def __init__(self, request: HttpRequest, username: str, purpose: str) -> None:
        limit = settings.LIMIT_SIGN_INS_PER_QUARTER_HOUR
        self.user: User | None = None
        self._username, self._purpose, self._network = username, purpose, client_network(request)
        account = keyed_hash("sign-in", username.lower())  # a person may type a password here
        self._limits = [
            (RateLimit("sign-ins per account and network", limit, QUARTER_HOUR), f"{self._network} {account}"),
            *(
                (RateLimit("sign-ins per network", limit * NETWORK_FACTOR * factor, QUARTER_HOUR), network)
                for network, factor in client_networks(request).items()
            ),
        ]
        if not KnownNetwork.is_known(username, self._network):
            self._limits.append((RateLimit("sign-ins per account", limit * ACCOUNT_FACTOR, QUARTER_HOUR), account))

    def __enter__(self) -> PasswordAttempt:
        if not all(limit.allows(key) for limit, key in self._limits):
            self._log(logging.WARNING, "locked out")
            raise TooManyAttempts(self._limits[0][0].seconds_until_reset())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, (APIException, ValidationError, SecondFactorInvalid)):
            self._log(logging.WARNING, "failed")
            return
        for limit, key in self._limits:
            limit.undo(key)
        if error is None and self.user is not None:
            KnownNetwork.record(self.user, self._network)
            self._log(logging.INFO, "succeeded")

    def _log(self, level: int, outcome: str) -> None:
        account = User.objects.filter(username=self._username).values_list("pk", flat=True).first()
        name = "an unknown account" if account is None else f"user {account}"
        log.log(level, "%s %s: %s, network %s", self._purpose, outcome, name, network_hash(self._network)[:12])
