"""Background work of bookings, run by the worker."""

from __future__ import annotations

from bookings.operations import erase_late_arrivals, expire_unanswered_requests
from foundation.background_tasks import register_due_task, register_purge


def register() -> None:
    """Register the due tasks and purges of bookings."""
    register_due_task(expire_unanswered_requests)
    register_purge(erase_late_arrivals)
