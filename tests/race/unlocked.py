"""The negative controls: who wants a slot locks nobody, or one of the paths does not."""

import os
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.apps import AppConfig

from config.settings import *  # noqa: F403 - this module is also the settings of that run
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.race.unlocked.Unlocked"]
WITHOUT = os.environ.get("RACE_WITHOUT", "").split(",")


class Unlocked(AppConfig):
    name = "tests.race"
    label = "unlocked"

    def ready(self) -> None:
        from bookings import slots  # noqa: PLC0415 - models are loaded only now
        from bookings.operations import deciding  # noqa: PLC0415

        looks_only = ContextVar("looks_only", default="lock" in WITHOUT)
        lock, lock_listed = slots._lock, slots._lock_listed

        def maybe_lock(resources: Any) -> Any:
            return list(resources.order_by("pk")) if looks_only.get() else lock(resources)

        def only_looking(work: Callable[..., Any], is_meant: Callable[..., bool]) -> Callable[..., Any]:
            def run(*args: Any) -> Any:
                before = looks_only.set(looks_only.get() or is_meant(*args))
                try:
                    return work(*args)
                finally:
                    looks_only.reset(before)

            return run

        slots._lock = maybe_lock
        if "move" in WITHOUT:
            slots._lock_listed = only_looking(lock_listed, lambda service, wanted, instead_of: instead_of is not None)
        if "late" in WITHOUT:
            vars(deciding)["take_slot_back"] = only_looking(slots.take_slot_back, lambda booking: True)
