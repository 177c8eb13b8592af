"""Compare measured values with their targets; print and store the figures of a run."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

OUT = Path(__file__).parent / "out" / "latest.json"


@dataclass(frozen=True)
class Figure:
    """``target``: the maximum, if there is one. ``peer``: the value to compare with, if measured."""

    name: str
    value: float
    unit: str
    target: float | None
    peer: float | None
    ok: bool


def figure(name: str, value: float, unit: str, target: float | None = None, peer: float | None = None) -> Figure:
    """Create a figure with rounded values. ``ok`` depends on the exact value."""
    rounded_peer = None if peer is None else round(peer, 2)
    return Figure(name, round(value, 2), unit, target, rounded_peer, target is None or value <= target)


def median_and_p95(name: str, milliseconds: list[float], target: float) -> Iterator[Figure]:
    yield figure(f"{name}, median", statistics.median(milliseconds), "ms", target)
    yield figure(f"{name}, p95", percentile(milliseconds, 95), "ms", target)


def percentile(values: list[float], percent: int) -> float:
    """Return the value that ``percent`` % of the values do not exceed, interpolated; NaN if there are none."""
    if len(values) < 2:
        return values[0] if values else math.nan
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def write(figures: list[Figure]) -> Path:
    """Write the figures as JSON, one object each, and return the path. A value that is not finite becomes null."""
    rows = [{**asdict(each), "value": each.value if math.isfinite(each.value) else None} for each in figures]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=2) + "\n")
    return OUT


def show(figures: list[Figure]) -> None:
    print(f"\n{'figure':<68}{'value':>9} {'unit':<5}{'target':>8}{'peer':>9}")
    for each in figures:
        target = "" if each.target is None else f"{each.target:g}"
        peer = "" if each.peer is None else f"{each.peer:.1f}"
        print(f"{each.name:<68}{each.value:>9.1f} {each.unit:<5}{target:>8}{peer:>9}{'' if each.ok else '  !'}")
