"""What the rows say afterwards, in SQL that asks nobody's opinion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import IntegrityError, connection, transaction

from bookings.invariants import INVARIANTS
from bookings.models import Allocation
from stress.race.client import Account

# Worked out from the bookings alone, buffers and all: the rows that the constraint guards have no say in it.
OVERLAPS = """
    WITH standing AS (
        SELECT b.id, b.session_id, b.resource_id, tstzrange(
            b.starts_at - make_interval(mins => s.buffer_before_minutes),
            b.ends_at + make_interval(mins => s.buffer_after_minutes)) AS blocked
        FROM bookings_booking b JOIN bookings_service s ON s.id = b.service_id
        WHERE b.status IN ('held', 'pending', 'confirmed'))
    SELECT x.id FROM standing x JOIN standing y ON x.resource_id = y.resource_id AND x.id < y.id
    WHERE x.blocked && y.blocked AND (x.session_id IS NULL OR x.session_id IS DISTINCT FROM y.session_id)"""
LEAST_LOSSES = 0.15
KEYS = "SELECT notes FROM bookings_booking WHERE notes <> ''"


@dataclass(frozen=True)
class Verdict:
    attempts: int
    clients: int
    kills: int
    crashes: int
    overlaps: int
    deadlocks: int
    doubled: int
    lost: int
    unequal: int
    broken: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (
            self.overlaps or self.deadlocks or self.doubled or self.lost or self.unequal or self.broken or self.odd
        )

    @property
    def line(self) -> str:
        return (
            f"race: {self.attempts} attempts, {self.clients} clients, {self.kills} kills, {self.crashes} database "
            f"crashes: overlaps {self.overlaps}, deadlocks {self.deadlocks}, doubled {self.doubled}, lost {self.lost}, "
            f"unequal replays {self.unequal}, unexplained {len(self.broken) + len(self.odd)}"
        )


def overlaps() -> int:
    """Return how many pairs of bookings have somebody's time at once."""
    return len(_ask(OVERLAPS))


def judge(
    account: Account,
    *,
    attempts: int,
    clients: int,
    kills: int,
    crashes: int,
    overlaps: int,
    paths: Iterable[str],
    log: str,
) -> Verdict:
    """Hold the rows, PostgreSQL's own log and the clients' account against what was promised.

    ``overlaps``: those that were seen while it ran, and are there no more. It was no race either if nobody ever won by
    one of the ``paths``, or if too few answers got lost.
    """
    kept = [str(notes) for (notes,) in _ask(KEYS)]
    # There is no worker in a race that would sweep: what has lapsed lies there until somebody wants the slot.
    promises = {sentence: query for sentence, query in INVARIANTS.items() if "expire within" not in sentence}
    broken = [f"{sentence}: {len(rows)}" for sentence, query in promises.items() if (rows := _ask(query))]
    idle = [path for path in paths if not any(account.answers[path, won] for won in _won(path))]
    broken += [f"Nobody ever won by {path}" for path in idle]
    if account.losses < LEAST_LOSSES:
        broken.append(f"Only {account.losses:.0%} of the answers were lost")
    if not _refuses_an_overlap():
        broken.append("The database itself takes an overlap: no constraint stands under the lock")
    return Verdict(
        attempts,
        clients,
        kills,
        crashes,
        overlaps=overlaps,
        deadlocks=log.count("deadlock detected"),
        doubled=len(kept) - len(set(kept)),
        lost=len(account.keys - set(kept)),
        unequal=account.unequal,
        broken=broken,
        odd=account.odd,
    )


def _won(path: str) -> list[str]:
    return ["302"] if path.startswith("desk") else ["200", "201"]  # the desk's forms say no with a page


def _ask(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _refuses_an_overlap() -> bool:
    taken = Allocation.objects.filter(is_active=True, booking__isnull=False).first()
    if taken is None:
        return False
    other = Allocation.objects.filter(booking__isnull=False).exclude(booking=taken.booking).first()
    if other is None:
        return False
    try:
        with transaction.atomic():
            Allocation.objects.filter(pk=other.pk).update(
                resource=taken.resource, blocked=taken.blocked, is_active=True
            )
            transaction.set_rollback(True)
    except IntegrityError:
        return True
    return False
