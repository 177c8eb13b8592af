"""Whether this worker is stopping. The file announces it, because a signal reaches only some of its processes."""

from pathlib import Path

from django.conf import settings


def is_stopping() -> bool:
    """Return whether the worker is stopping: begin nothing new, and finish within ``STOP_GRACE_SECONDS``."""
    return bool(settings.STOP_FILE) and Path(settings.STOP_FILE).exists()
