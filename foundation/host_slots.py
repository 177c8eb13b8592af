"""Slots that all processes of this host share, as locks on files: the system frees those of a process that died."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedWriter

from django.conf import settings

RETRY_SECONDS = 0.02


class NoSlotFree(Exception):
    """All slots were taken for the whole time that the caller could wait."""


@contextmanager
def host_slot(name: str, *, slots: int, wait_seconds: float) -> Iterator[None]:
    """Hold one of ``slots`` slots inside the block. Raises NoSlotFree after ``wait_seconds``."""
    deadline = time.monotonic() + wait_seconds
    while (file := _take(name, slots)) is None:
        if time.monotonic() >= deadline:
            raise NoSlotFree(name)
        time.sleep(RETRY_SECONDS)
    with file:  # closing the file frees the slot
        yield


def _take(name: str, slots: int) -> BufferedWriter | None:
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    for number in range(slots):
        file = (settings.DATA_DIR / f"{name}-{number}.lock").open("wb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
        else:
            return file
    return None
