"""Compare the rows, PostgreSQL's log and the responses with the guarantees, with independent SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import IntegrityError, connection, transaction

from bookings.invariants import INVARIANTS
from bookings.models import Allocation
from stress.race.client import ResponseLog

# Computed from the bookings and their buffers, not from the times of the allocations that the constraint checks.
OVERLAPS = """
    WITH active AS (
        SELECT b.id, b.session_id, a.resource_id, tstzrange(
            b.starts_at - make_interval(mins => s.buffer_before_minutes),
            b.ends_at + make_interval(mins => s.buffer_after_minutes)) AS blocked
        FROM bookings_booking b JOIN bookings_service s ON s.id = b.service_id
        JOIN bookings_allocation a ON a.booking_id = b.id OR a.session_id = b.session_id
        WHERE b.status IN ('held', 'pending', 'confirmed'))
    SELECT x.id FROM active x JOIN active y ON x.resource_id = y.resource_id AND x.id < y.id
    WHERE x.blocked && y.blocked AND (x.session_id IS NULL OR x.session_id IS DISTINCT FROM y.session_id)"""
# Sessions with more attendees than places. The capacity does not change during a race.
OVERSOLD = """
    SELECT b.session_id FROM bookings_booking b JOIN bookings_service s ON s.id = b.service_id
    WHERE b.status IN ('held', 'pending', 'confirmed') AND b.session_id IS NOT NULL
    GROUP BY b.session_id, s.capacity HAVING sum(b.party_size) > s.capacity"""
MIN_LOSS_SHARE = 0.15
KEYS = "SELECT notes FROM bookings_booking WHERE notes <> ''"


@dataclass(frozen=True)
class Report:
    attempts: int
    clients: int
    kills: int
    crashes: int
    overlaps: int
    deadlocks: int
    duplicated: int
    lost: int
    unequal_replays: int
    violations: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def has_passed(self) -> bool:
        return not (
            self.overlaps
            or self.deadlocks
            or self.duplicated
            or self.lost
            or self.unequal_replays
            or self.violations
            or self.unexplained
        )

    @property
    def summary(self) -> str:
        return (
            f"race: {self.attempts} attempts, {self.clients} clients, {self.kills} kills, {self.crashes} database "
            f"crashes: overlaps {self.overlaps}, deadlocks {self.deadlocks}, duplicated {self.duplicated}, "
            f"lost {self.lost}, unequal replays {self.unequal_replays}, "
            f"unexplained {len(self.violations) + len(self.unexplained)}"
        )


def count_overlaps() -> int:
    """Return how many pairs of bookings occupy the same resource concurrently, and how many sessions are oversold."""
    return len(_rows(OVERLAPS)) + len(_rows(OVERSOLD))


def evaluate(
    response_log: ResponseLog,
    *,
    attempts: int,
    clients: int,
    kills: int,
    crashes: int,
    overlaps: int,
    paths: Iterable[str],
    postgres_log: str,
    has_constraint: bool = True,
) -> Report:
    """Compare the rows, PostgreSQL's log and the responses with the guarantees.

    ``overlaps``: the number counted during the run. The run also fails if one of the ``paths`` never succeeded or if
    too few responses were lost, because it then proves too little.
    """
    booked_keys = [str(notes) for (notes,) in _rows(KEYS)]
    # A race runs no worker: overdue bookings stay until another client books their slot.
    invariants = {sentence: query for sentence, query in INVARIANTS.items() if "expire within" not in sentence}
    violations = [f"{sentence}: {len(rows)}" for sentence, query in invariants.items() if (rows := _rows(query))]
    unused_paths = [
        path for path in paths if not any(response_log.responses[path, code] for code in _success_codes(path))
    ]
    violations += [f"The path {path} never succeeded" for path in unused_paths]
    if response_log.loss_share < MIN_LOSS_SHARE:
        violations.append(f"Only {response_log.loss_share:.0%} of the responses were lost")
    if has_constraint and not _constraint_refuses_overlap():
        violations.append("The database accepts an overlap: the constraint is missing")
    return Report(
        attempts,
        clients,
        kills,
        crashes,
        overlaps=overlaps,
        deadlocks=postgres_log.count("deadlock detected"),
        duplicated=len(booked_keys) - len(set(booked_keys)),
        lost=len(response_log.acknowledged_keys - set(booked_keys)),
        unequal_replays=response_log.unequal_replays,
        violations=violations,
        unexplained=response_log.unexplained_responses,
    )


def _success_codes(path: str) -> list[str]:
    return ["302"] if path.startswith("desk") else ["200", "201"]  # the desk's forms respond to errors with 200


def _rows(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _constraint_refuses_overlap() -> bool:
    allocation = Allocation.objects.filter(is_active=True, booking__isnull=False).first()
    if allocation is None:
        return False
    other_allocation = Allocation.objects.filter(booking__isnull=False).exclude(booking=allocation.booking).first()
    if other_allocation is None:
        return False
    try:
        with transaction.atomic():
            Allocation.objects.filter(pk=other_allocation.pk).update(
                resource=allocation.resource, blocked=allocation.blocked, is_active=True
            )
            transaction.set_rollback(True)
    except IntegrityError:
        return True
    return False
