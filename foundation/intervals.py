"""Half-open time intervals ``[start, end)``, in sorted lists without overlaps."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

Interval = tuple[datetime, datetime]


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Join overlapping and touching intervals, and drop empty ones; return them sorted."""
    merged: list[Interval] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def subtract(intervals: list[Interval], removed: Iterable[Interval]) -> list[Interval]:
    """Return the parts of ``intervals`` that are not in ``removed``. Both must be sorted and free of overlaps."""
    remaining, cuts = [], list(removed)
    for start, end in intervals:
        for cut_start, cut_end in cuts:
            if cut_end <= start:
                continue
            if cut_start >= end:
                break
            if start < cut_start:
                remaining.append((start, cut_start))
            start = max(start, cut_end)
        if start < end:
            remaining.append((start, end))
    return remaining


def find_containing(intervals: list[Interval], start: datetime, end: datetime) -> Interval | None:
    """Return the interval that contains all of ``[start, end)``, if one does."""
    return next((interval for interval in intervals if interval[0] <= start and end <= interval[1]), None)
