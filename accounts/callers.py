"""Who sends a request: a member of staff, a program with a service token, or an anonymous client address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.request import Request

from accounts.models import ServiceToken
from foundation.keyed_hash import keyed_hashes
from foundation.rate_limits.client_address import client_network


@dataclass(frozen=True)
class Caller:
    """The sender of a request. Equal hashes mean the same one; a hash does not reveal the client address."""

    hashes: tuple[str, ...] = ("",)  # under SECRET_KEY, and under each earlier key
    service_token: ServiceToken | None = None
    is_anonymous: bool = True

    @property
    def hash(self) -> str:
        """The hash to store. Compare stored ones with all ``hashes``."""
        return self.hashes[0]

    @classmethod
    def from_user(cls, user: Any) -> Caller:
        """Return a member of staff as the caller."""
        return cls(keyed_hashes("caller", f"user {user.pk}"), is_anonymous=False)


UNKNOWN_CALLER = Caller()  # of bookings that no request created, and of those from before callers were recorded


def caller_of(request: Request) -> Caller:
    """Return the caller. Raises AuthenticationFailed if the request has an invalid token."""
    service_token = service_token_of(request)
    if service_token is not None:
        return Caller(keyed_hashes("caller", f"service token {service_token.pk}"), service_token, is_anonymous=False)
    if request.user.is_authenticated:
        return Caller.from_user(request.user)
    return Caller(keyed_hashes("caller", f"address {client_network(request)}"))


def service_token_of(request: Request) -> ServiceToken | None:
    """Return the service token that the request carries."""
    return request.auth if isinstance(request.auth, ServiceToken) else None
