"""The negative controls: no path locks the resources, or one of them does not, or places are taken unchecked."""

import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.apps import AppConfig
from django.db.models import F

from config.settings import *  # noqa: F403 - this is also the settings module of every race
from config.settings import INSTALLED_APPS as DAYBOOK_APPS
from stress.replace import replace

INSTALLED_APPS = [*DAYBOOK_APPS, "stress.race.unlocked.Unlocked"]
WITHOUT = os.environ.get("RACE_WITHOUT", "").split(",")
# Simulates a busy machine between the check and the insert: longer if only a few requests of the race are unguarded.
DELAY_SECONDS = 0.03 if "lock" in WITHOUT else 0.3


class Unlocked(AppConfig):
    name = "stress.race"
    label = "unlocked"

    def ready(self) -> None:
        from bookings.models import Session  # noqa: PLC0415
        from bookings.operations import reschedule, transitions  # noqa: PLC0415 - models are loaded only now
        from bookings.scheduling import allocations, reservation  # noqa: PLC0415

        lock, find_busy = reservation._lock, allocations.find_busy_resources
        is_lock_disabled = ContextVar("is_lock_disabled", default="lock" in WITHOUT)

        def lock_unless_disabled(resources: Any) -> Any:
            return list(resources.order_by("pk")) if is_lock_disabled.get() else lock(resources)

        def find_busy_and_wait(*args: Any) -> Any:
            busy = find_busy(*args)
            if is_lock_disabled.get():
                time.sleep(DELAY_SECONDS)
            return busy

        def take_places_unchecked(session: Session, party_size: int, *, capacity: int) -> bool:
            time.sleep(DELAY_SECONDS)
            return bool(Session.objects.filter(pk=session.pk).update(booked=F("booked") + party_size))

        def without_lock(operation: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                token = is_lock_disabled.set(True)
                try:
                    return operation(*args, **kwargs)
                finally:
                    is_lock_disabled.reset(token)

            return run

        replace(reservation, "_lock", lock_unless_disabled)
        replace(allocations, "find_busy_resources", find_busy_and_wait)
        replace(reservation, "find_busy_resources", find_busy_and_wait)
        if "places" in WITHOUT:
            replace(Session, "take_places", take_places_unchecked)
        if "reschedule" in WITHOUT:
            replace(reschedule, "reserve_slot", without_lock(reservation.reserve_slot))
        if "late" in WITHOUT:
            replace(transitions, "reclaim_slot", without_lock(reservation.reclaim_slot))
