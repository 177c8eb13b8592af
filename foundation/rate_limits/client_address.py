"""The client address of a request, and the networks by which rate limits count it."""

from __future__ import annotations

import ipaddress
import logging
from functools import cache

from django.conf import settings
from django.http import HttpRequest

log = logging.getLogger(__name__)

SITE_FACTOR = 10


def client_networks(request: HttpRequest) -> dict[str, int]:
    """Return the networks by which limits count the client, the narrowest first, each with the factor of its limit.

    A provider may give one site a whole /48, so an IPv6 client counts by its /64 and, more generously, by its /48.
    """
    network = client_network(request)
    try:
        site = ipaddress.IPv6Network(network).supernet(new_prefix=48)
    except ValueError:  # an IPv4 address, or what a proxy wrote in place of one
        return {network: 1}
    return {network: 1, str(site): SITE_FACTOR}


def client_network(request: HttpRequest) -> str:
    """Return the client's IPv4 address, or the /64 network that an IPv6 client typically has.

    Behind proxies, TRUSTED_PROXIES says how many of them are ours: only their entries in X-Forwarded-For count.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUSTED_PROXIES:
        forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        address = forwarded[-settings.TRUSTED_PROXIES :][0] or address
    elif request.META.get("HTTP_X_FORWARDED_FOR"):
        warn_about_ignored_proxy()
    try:
        parsed = ipaddress.ip_address(_without_port(address))
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


@cache  # once per process
def warn_about_ignored_proxy() -> None:
    """Log that a request seems to come through a proxy, although none is trusted."""
    log.warning(
        "A request has X-Forwarded-For, but TRUSTED_PROXIES is 0, so the header is ignored. Behind a proxy of yours, "
        "set TRUSTED_PROXIES to the number of proxies: until then, all clients share its address and its rate limits."
    )


def _without_port(address: str) -> str:
    # Some proxies write 198.51.100.7:4711 or [2001:db8::1]:4711.
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
