"""Rate limits: exact counts per key and fixed window, kept in PostgreSQL.

In a cache, concurrent processes can lose each other's counts. Here a single statement counts and returns the total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import connection
from django.db.models import F

from foundation.clock import database_now
from foundation.models import RateLimitCounter

HOUR, DAY = 3600, 86_400

# Add the uses to each key's counter of the current window, and return the new counts. Keys are processed in a fixed
# order, so that two callers with the same keys cannot deadlock.
COUNT_USES = """
    INSERT INTO foundation_ratelimitcounter AS counter ("limit", key, since, count)
    SELECT %(name)s, key,
           to_timestamp(floor(extract(epoch FROM statement_timestamp()) / %(seconds)s) * %(seconds)s), uses
    FROM unnest(%(keys)s::text[], %(uses)s::int[]) AS new (key, uses)
    ORDER BY key
    ON CONFLICT ("limit", key, since) DO UPDATE SET count = counter.count + excluded.count
    RETURNING key, count
"""


@dataclass(frozen=True)
class RateLimit:
    """At most ``limit`` uses per key in each window of ``seconds``. A limit of 0 means unlimited.

    Windows are aligned to the Unix epoch, so a day is a UTC day.
    """

    name: str
    limit: int
    seconds: int

    def count(self, uses: Mapping[str, int]) -> dict[str, int]:
        """Count these uses per key; return how many of each key's uses are within the limit. A single statement."""
        if not self.limit or not uses:
            return dict(uses)
        used_before = self.add(uses)
        return {key: max(0, min(requested, self.limit - used_before[key])) for key, requested in uses.items()}

    def add(self, uses: Mapping[str, int]) -> dict[str, int]:
        """Count these uses per key; return how many each key had used before in this window. A single statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                COUNT_USES,
                {"name": self.name, "seconds": self.seconds, "keys": list(uses), "uses": list(uses.values())},
            )
            return {key: count - uses[key] for key, count in cursor.fetchall()}

    def allows(self, key: str, uses: int = 1) -> bool:
        """Count one or more uses by ``key``; return whether all of them are within the limit."""
        return self.count({key: uses})[key] == uses

    def allows_client(self, networks: Mapping[str, int], uses: int = 1) -> bool:
        """Count uses by a client in each of its networks; return whether they are within each network's limit.

        ``networks`` are those of ``client_networks``. What a network refuses does not count in the wider ones, so one
        client cannot use up the limit of its neighbours.
        """
        limits = ((network, replace(self, limit=self.limit * factor)) for network, factor in networks.items())
        return all(limit.allows(network, uses) for network, limit in limits)

    def undo(self, key: str) -> None:
        """Undo one use by ``key`` in the current window."""
        since = database_now() - timedelta(seconds=self.seconds)
        counters = RateLimitCounter.objects.filter(limit=self.name, key=key, since__gt=since, count__gt=0)
        counters.update(count=F("count") - 1)

    def seconds_until_reset(self) -> int:
        """Return the seconds until the current window ends."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM statement_timestamp())::bigint")
            (now,) = cursor.fetchone()
        return int(self.seconds - now % self.seconds)
