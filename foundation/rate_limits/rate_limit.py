"""Rate limits: exact counts per key and fixed window, kept in PostgreSQL.

A cache lets two processes count past each other. One statement of PostgreSQL counts a use and returns the total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from foundation.models import RateLimitCounter

HOUR, DAY = 3600, 86_400


RETENTION = timedelta(days=7)


@dataclass(frozen=True)
class RateLimit:
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
                INSERT INTO foundation_ratelimitcounter AS u ("limit", key, since, count)
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

    def undo(self, key: str) -> None:
        """Count the last use by ``key`` of this stretch no more."""
        since = timezone.now() - timedelta(seconds=self.seconds)
        counted = RateLimitCounter.objects.filter(limit=self.name, key=key, since__gt=since, count__gt=0)
        counted.update(count=F("count") - 1)

    def seconds_until_reset(self) -> int:
        """Return how long the present stretch lasts."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM statement_timestamp())::bigint")
            (now,) = cursor.fetchone()
        return int(self.seconds - now % self.seconds)


def purge_counters() -> int:
    """Delete what was counted more than 7 days ago; return how many counts. One statement."""
    deleted, _ = RateLimitCounter.objects.filter(since__lt=Now() - RETENTION).delete()
    return deleted
