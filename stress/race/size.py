"""The sizes of a run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """``attempts`` on the slots; ``keys``: requests that are each sent several times concurrently."""

    attempts: int
    keys: int
    kill_every: float
    crashes: list[int]  # the length of each database outage in seconds


SHORT = Size(attempts=700, keys=100, kill_every=4, crashes=[2])
FULL = Size(attempts=10_000, keys=2_000, kill_every=12, crashes=[2, 5, 3, 2, 4, 3])
