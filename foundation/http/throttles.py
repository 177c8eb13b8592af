"""DRF throttles that count with our rate limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from foundation.rate_limits.client_address import client_networks
from foundation.rate_limits.rate_limit import RateLimit

if TYPE_CHECKING:
    from rest_framework.views import APIView  # imports the default throttles itself

MINUTE = 60


def request_limit() -> RateLimit:
    """Return the limit of all requests without an account. One use is about 5 ms of a core."""
    return RateLimit("requests", settings.LIMIT_REQUESTS_PER_MINUTE, MINUTE)


class ClientAddressThrottle(BaseThrottle):
    """A rate limit per client address, for callers without an account. Beyond it: 429 with Retry-After."""

    def rate_limit(self) -> RateLimit:
        raise NotImplementedError

    def uses(self, view: APIView) -> int:
        """Return how many uses the request is."""
        return 1

    def allow_request(self, request: Request, view: APIView) -> bool:
        if request.user.is_authenticated:
            return True
        return self.rate_limit().allows_client(client_networks(request), self.uses(view))

    def wait(self) -> float:
        return self.rate_limit().seconds_until_reset()


class RequestThrottle(ClientAddressThrottle):
    """The default of every view: a limit that all routes share. An expensive view has a ``request_cost``."""

    def rate_limit(self) -> RateLimit:
        return request_limit()

    def uses(self, view: APIView) -> int:
        return int(getattr(view, "request_cost", 1))
