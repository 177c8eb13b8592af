"""Spans of time, half-open, in lists that are sorted and do not overlap."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

Interval = tuple[datetime, datetime]


def merge(spans: Iterable[Interval]) -> list[Interval]:
    """Return the same time in as few spans as there can be: what overlaps or touches becomes one."""
    result: list[Interval] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result


def subtract(spans: list[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """Return what is left of ``spans`` when ``taken`` is cut out of them. Both sorted, without overlaps."""
    result, cuts = [], list(taken)
    for start, end in spans:
        for cut_start, cut_end in cuts:
            if cut_end <= start:
                continue
            if cut_start >= end:
                break
            if start < cut_start:
                result.append((start, cut_start))
            start = max(start, cut_end)
        if start < end:
            result.append((start, end))
    return result


def find_containing(spans: list[Interval], start: datetime, end: datetime) -> Interval | None:
    """Return the span that contains all of the time from ``start`` to ``end``, if one does."""
    return next((span for span in spans if span[0] <= start and end <= span[1]), None)
