"""The negative control: nobody locks whom they book."""

from typing import Any

from django.apps import AppConfig

from config.settings import *  # noqa: F403 - this module is also the settings of that run
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "tests.race.unlocked.Unlocked"]


class Unlocked(AppConfig):
    name = "tests.race"
    label = "unlocked"

    def ready(self) -> None:
        from bookings import slots  # noqa: PLC0415 - models are loaded only now

        def look_without_locking(resources: Any) -> Any:
            return list(resources.order_by("pk"))

        slots._lock = look_without_locking
