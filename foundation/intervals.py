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


def cut_overlaps(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the intervals sorted and without overlaps: one that starts during another begins when that ends.

    Unlike ``merge``, it keeps intervals that touch apart.
    """
    apart: list[Interval] = []
    for start, end in sorted(intervals, key=lambda interval: (interval[0], -interval[1].timestamp())):
        if apart:
            start = max(start, apart[-1][1])
        if start < end:
            apart.append((start, end))
    return apart


def find_containing(intervals: Iterable[Interval], start: datetime, end: datetime) -> Interval | None:
    """Return the interval that contains ``start``, if it and those that touch it contain all of ``[start, end)``."""
    first, covered_until = None, start
    for interval in intervals:
        if interval[0] <= covered_until < interval[1]:
            first, covered_until = first or interval, interval[1]
    return first if covered_until >= end else None
