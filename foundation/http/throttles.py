"""DRF throttles that count with our rate limits."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from foundation.rate_limits.client_address import client_networks
from foundation.rate_limits.rate_limit import RateLimit


class ClientAddressThrottle(BaseThrottle):
    """A rate limit per client address, for callers without an account. Beyond it: 429 with Retry-After."""

    def rate_limit(self) -> RateLimit:
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        return bool(request.user.is_authenticated) or self.rate_limit().allows_client(client_networks(request))

    def wait(self) -> float:
        return self.rate_limit().seconds_until_reset()
