"""Compute free slots from opening hours, busy intervals and sessions, without the database."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from math import ceil, inf
from typing import NamedTuple

from bookings.models import Resource, Service

NEVER = (inf, inf)

Timestamps = tuple[float, float]  # an interval in seconds since 1970
StartAndEnd = tuple[int, int]  # of a visit, in seconds since 1970


class FreeSlot(NamedTuple):
    """A slot with any of ``resources`` (keys), for up to ``places`` people. Times are in the location's zone."""

    starts_at: datetime
    ends_at: datetime
    resources: list[int]
    places: int


class OpenSession(NamedTuple):
    """A session that can be joined while all of its resources (``keys``) are open. ``resource`` is the main one."""

    start: int
    end: int
    resource: int
    keys: list[int]
    places: int


@dataclass(frozen=True)
class Calendar:
    """The input of the search, loaded with a constant number of queries.

    Times are in seconds since 1970. ``openings``, ``open`` (the same, joined where they touch) and ``busy`` are
    intervals by resource.
    """

    service: Service
    candidates: list[list[Resource]]
    openings: dict[int, list[Timestamps]]
    open: dict[int, list[Timestamps]]
    busy: dict[int, list[Timestamps]]
    sessions: list[OpenSession]

    @property
    def duration(self) -> int:
        return self.service.duration_minutes * 60

    def free_slots(self, earliest: float, latest: float) -> Iterator[FreeSlot]:
        """Yield the free slots that start from ``earliest`` to ``latest``, ordered by time."""
        main_kind, *other_kinds = self.candidates
        resources: dict[StartAndEnd, list[int]] = defaultdict(list)
        for key in (resource.pk for resource in main_kind):
            grid = self._slot_grid(key, earliest, latest)
            for start in self._free_starts(key, grid):
                # Most services need only one kind: skipping the generator saves 6 % when searching a month.
                if not other_kinds or all(self._has_free(kind, start) for kind in other_kinds):
                    resources[start, start + self.duration].append(key)
        places = dict.fromkeys(resources, self.service.capacity)
        for session in self.sessions:
            if earliest <= session.start <= latest and self._can_join(session):
                resources[session.start, session.end].append(session.resource)
                places[session.start, session.end] = max(places.get((session.start, session.end), 0), session.places)
        at = cache(partial(datetime.fromtimestamp, tz=self.service.location.zone))  # one slot ends where another starts
        for start, end in sorted(resources):
            yield FreeSlot(at(start), at(end), resources[start, end], places[start, end])

    def _slot_grid(self, key: int, earliest: float, latest: float) -> list[int]:
        """Return the possible start times: each opening time and every ``slot_interval_minutes`` after it."""
        step = self.service.slot_interval_minutes * 60
        starts: list[int] = []
        for opens, closes in self.openings[key]:
            _, open_until = _containing(self.open[key], opens)
            start = opens + max(0, ceil((earliest - opens) / step)) * step
            starts.extend(range(int(start), int(min(latest, closes - 1, open_until - self.duration)) + 1, step))
        return starts

    def _free_starts(self, key: int, grid: list[int]) -> Iterator[int]:
        """Yield the starts at which neither the visit nor its buffers overlap a busy interval."""
        before = self.service.buffer_before_minutes * 60
        after = self.duration + self.service.buffer_after_minutes * 60
        busy = iter(self.busy.get(key, []))
        busy_start, busy_end = next(busy, NEVER)
        for start in grid:
            while busy_end <= start - before:
                busy_start, busy_end = next(busy, NEVER)
            if start + after <= busy_start:
                yield start

    def _can_join(self, session: OpenSession) -> bool:
        """Return whether its resources are open until its end and it is on the slot grid."""
        if not all(self._is_open(key, session.start, session.end) for key in session.keys):
            return False
        opens, _ = _containing(self.openings[session.resource], session.start)
        return (session.start - opens) % (self.service.slot_interval_minutes * 60) == 0

    def _has_free(self, kind: list[Resource], start: int) -> bool:
        open_keys = (resource.pk for resource in kind if self._is_open(resource.pk, start, start + self.duration))
        return any(True for key in open_keys for _ in self._free_starts(key, [start]))

    def _is_open(self, key: int, start: int, end: int) -> bool:
        return any(opens <= start and end <= closes for opens, closes in self.open.get(key, []))


def _containing(intervals: list[Timestamps], at: float) -> Timestamps:
    """Return the last interval that starts before or at this time."""
    return intervals[bisect_right(intervals, (at, inf)) - 1]
