"""Spans of time, half-open, in lists that are sorted and do not overlap."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

Span = tuple[datetime, datetime]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same time in as few spans as there can be: what overlaps or touches becomes one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        elif start < end:
            result.append((start, end))
    return result


def without(spans: list[Span], taken: Iterable[Span]) -> list[Span]:
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


def around(spans: list[Span], start: datetime, end: datetime) -> Span | None:
    """Return the span that contains all of the time from ``start`` to ``end``, if one does."""
    return next((span for span in spans if span[0] <= start and end <= span[1]), None)
