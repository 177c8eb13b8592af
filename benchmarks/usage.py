"""The processor time and memory of a tree of processes."""

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
    """Return the processor time of a process, its descendants, and their children that have ended."""
    total = 0.0
    for each in _tree(process):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def megabytes(process: subprocess.Popen[bytes]) -> float:
    """Return the memory of a process and its descendants; what they share counts once (PSS)."""
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
    """Watch a process tree's memory while the block lasts."""
    peak, done = Peak(megabytes(process)), threading.Event()
    watch = threading.Thread(target=_watch, args=(process, peak, done), daemon=True)
    watch.start()
    try:
        yield peak
    finally:
        done.set()
        watch.join()


def _watch(process: subprocess.Popen[bytes], peak: Peak, done: threading.Event) -> None:
    while not done.wait(SAMPLE_SECONDS):
        peak.megabytes = max(peak.megabytes, megabytes(process))


def _tree(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    root = psutil.Process(process.pid)
    return [root, *root.children(recursive=True)]
