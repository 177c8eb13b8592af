"""The sizes of a race."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """``attempts``: to book a slot. ``keys``: requests that are each sent several times concurrently."""

    attempts: int
    keys: int
    kill_interval_seconds: float
    outages: list[int]  # the length of each database outage in seconds


SHORT = Size(attempts=700, keys=100, kill_interval_seconds=4, outages=[2])
FULL = Size(attempts=10_000, keys=2_000, kill_interval_seconds=12, outages=[2, 5, 3, 2, 4, 3])
