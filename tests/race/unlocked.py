"""The negative controls: who wants a slot locks nobody, or one of the paths does not."""

import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.apps import AppConfig

from config.settings import *  # noqa: F403 - this module is also the settings of that run
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.race.unlocked.Unlocked"]
THOUGHT_SECONDS = 0.03  # what a busy machine may put between looking and writing
WITHOUT = os.environ.get("RACE_WITHOUT", "").split(",")


class Unlocked(AppConfig):
    name = "tests.race"
    label = "unlocked"

    def ready(self) -> None:
        from bookings import slots  # noqa: PLC0415 - models are loaded only now
        from bookings.operations import deciding, rescheduling  # noqa: PLC0415

        lock, busy = slots._lock, slots._busy
        looks_only = ContextVar("looks_only", default="lock" in WITHOUT)

        def maybe_lock(resources: Any) -> Any:
            return list(resources.order_by("pk")) if looks_only.get() else lock(resources)

        def look_and_think(*args: Any) -> Any:
            found = busy(*args)
            if looks_only.get():
                time.sleep(THOUGHT_SECONDS)
            return found

        def only_looking(work: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                before = looks_only.set(True)
                try:
                    return work(*args, **kwargs)
                finally:
                    looks_only.reset(before)

            return run

        vars(slots).update(_lock=maybe_lock, _busy=look_and_think)
        if "move" in WITHOUT:
            vars(rescheduling)["take_slot"] = only_looking(slots.take_slot)
        if "late" in WITHOUT:
            vars(deciding)["take_slot_back"] = only_looking(slots.take_slot_back)
