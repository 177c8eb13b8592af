"""The negative controls: no path locks the resources, or one of them does not."""

import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.apps import AppConfig

from config.settings import *  # noqa: F403 - this module is also the settings of that run
from config.settings import INSTALLED_APPS as DAYBOOK_APPS
from stress.replace import replace

INSTALLED_APPS = [*DAYBOOK_APPS, "stress.race.unlocked.Unlocked"]
DELAY_SECONDS = 0.03  # like a busy machine between the check and the insert
WITHOUT = os.environ.get("RACE_WITHOUT", "").split(",")


class Unlocked(AppConfig):
    name = "stress.race"
    label = "unlocked"

    def ready(self) -> None:
        from bookings.operations import reschedule, transitions  # noqa: PLC0415 - models are loaded only now
        from bookings.scheduling import allocations, reservation  # noqa: PLC0415

        lock, find_busy = reservation._lock, allocations.find_busy_resources
        is_unlocked = ContextVar("is_unlocked", default="lock" in WITHOUT)

        def lock_unless_unlocked(resources: Any) -> Any:
            return list(resources.order_by("pk")) if is_unlocked.get() else lock(resources)

        def find_busy_and_wait(*args: Any) -> Any:
            found = find_busy(*args)
            if is_unlocked.get():
                time.sleep(DELAY_SECONDS)
            return found

        def unlocked(work: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                before = is_unlocked.set(True)
                try:
                    return work(*args, **kwargs)
                finally:
                    is_unlocked.reset(before)

            return run

        replace(reservation, "_lock", lock_unless_unlocked)
        replace(allocations, "find_busy_resources", find_busy_and_wait)
        replace(reservation, "find_busy_resources", find_busy_and_wait)
        if "reschedule" in WITHOUT:
            replace(reschedule, "reserve_slot", unlocked(reservation.reserve_slot))
        if "late" in WITHOUT:
            replace(transitions, "reclaim_slot", unlocked(reservation.reclaim_slot))
