"""Measure the CPU time and memory of a process tree."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 3.0


@dataclass
class Peak:
    megabytes: float = 0.0


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU time of a process, its descendants, and their children that have exited."""
    total = 0.0
    for each in _tree(process):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def megabytes(process: subprocess.Popen[bytes]) -> float:
    """Return the memory of a process and its descendants in MB. Shared memory counts once (PSS)."""
    total = 0
    for each in _tree(process):
        try:
            memory = each.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        total += getattr(memory, "pss", memory.uss)
    return total / 1_000_000


@contextmanager
def peak_memory(process: subprocess.Popen[bytes]) -> Iterator[Peak]:
    """Sample the memory of a process tree during the ``with`` block; yield its peak."""
    peak, stop = Peak(megabytes(process)), threading.Event()
    sampler = threading.Thread(target=_sample, args=(process, peak, stop), daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()


def _sample(process: subprocess.Popen[bytes], peak: Peak, stop: threading.Event) -> None:
    while not stop.wait(SAMPLE_SECONDS):
        peak.megabytes = max(peak.megabytes, megabytes(process))


def _tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]
