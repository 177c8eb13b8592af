"""The client address of a request, as rate limits count it."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_network(request: HttpRequest) -> str:
    """Return the client's IPv4 address, or the /64 network that an IPv6 client typically has.

    Behind proxies, TRUSTED_PROXIES says how many of them are ours: only their entries in X-Forwarded-For count.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUSTED_PROXIES:
        forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        address = forwarded[-settings.TRUSTED_PROXIES :][0] or address
    try:
        parsed = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


def _without_port(address: str) -> str:
    # Some proxies write 198.51.100.7:4711 or [2001:db8::1]:4711.
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
