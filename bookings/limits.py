"""How much of something one caller may have. Exact, since one statement of PostgreSQL counts and tells.

A cache would let two processes count past each other; a limit that guards money must not be "about" ten.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from bookings.idempotency import is_repeat
from bookings.models import Usage

HOUR, DAY = 3600, 86_400
KEPT = timedelta(days=7)


@dataclass(frozen=True)
class Limit:
    """``most`` times in each stretch of ``seconds``; stretches are counted from 1970 on, so a day is one of UTC.

    A ``most`` of 0 means without limit.
    """

    name: str
    most: int
    seconds: int

    def count(self, uses: Mapping[str, int]) -> dict[str, int]:
        """Add so many uses to each key, and return how many of them are within the limit. One statement."""
        if not self.most or not uses:
            return dict(uses)
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO bookings_usage AS u ("limit", key, since, count)
                SELECT %(name)s, key,
                       to_timestamp(floor(extract(epoch FROM statement_timestamp()) / %(seconds)s) * %(seconds)s), uses
                FROM unnest(%(keys)s::text[], %(uses)s::int[]) AS asked (key, uses)
                ORDER BY key  -- in one order, so that two callers with the same keys cannot wait for each other
                ON CONFLICT ("limit", key, since) DO UPDATE SET count = u.count + excluded.count
                RETURNING key, count
                """,
                {"name": self.name, "seconds": self.seconds, "keys": list(uses), "uses": list(uses.values())},
            )
            before = {key: count - uses[key] for key, count in cursor.fetchall()}
        return {key: max(0, min(asked, self.most - before[key])) for key, asked in uses.items()}

    def allows(self, key: str) -> bool:
        """Count one use by ``key``; return whether it is within the limit."""
        return self.count({key: 1})[key] == 1

    def take_back(self, key: str) -> None:
        """Count the last use by ``key`` of this stretch no more."""
        since = timezone.now() - timedelta(seconds=self.seconds)
        counted = Usage.objects.filter(limit=self.name, key=key, since__gt=since, count__gt=0)
        counted.update(count=F("count") - 1)

    def seconds_left(self) -> int:
        """Return how long the present stretch lasts."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM statement_timestamp())::bigint")
            (now,) = cursor.fetchone()
        return int(self.seconds - now % self.seconds)


def forget_old_usage() -> int:
    """Delete what was counted more than 7 days ago; return how many counts. One statement."""
    deleted, _ = Usage.objects.filter(since__lt=Now() - KEPT).delete()
    return deleted


def network_of(request: HttpRequest) -> str:
    """Return the network that the request comes from: an IPv4 address, or the /64 that one IPv6 customer has.

    Behind proxies, TRUSTED_PROXIES says how many of them are ours: only what they have written is believed.
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


class _ByNetwork(BaseThrottle):
    """A limit for callers without an account, in DRF's words. It answers 429 with Retry-After."""

    def limit(self) -> Limit:
        raise NotImplementedError

    def allow_request(self, request: Request, view: APIView) -> bool:
        return bool(request.user.is_authenticated) or self.limit().allows(network_of(request))

    def wait(self) -> float:
        return self.limit().seconds_left()


class Bookings(_ByNetwork):
    """Tries at booking and at moving a booking, successful or not: each of them may send messages."""

    def limit(self) -> Limit:
        return Limit("bookings", settings.LIMIT_BOOKINGS_PER_HOUR, HOUR)


class NewBookings(Bookings):
    """The same, but whoever lost the answer to their last booking may ask for it again."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        return super().allow_request(request, view) or is_repeat(request)


class Lookups(_ByNetwork):
    """Looks at a booking, and changes of one: without a limit, tokens could be guessed."""

    def limit(self) -> Limit:
        return Limit("look-ups", settings.LIMIT_LOOKUPS_PER_MINUTE, 60)
