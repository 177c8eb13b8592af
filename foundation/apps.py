from datetime import timedelta

from django.apps import AppConfig


class FoundationConfig(AppConfig):
    name = "foundation"

    def ready(self) -> None:
        from foundation import background_tasks  # noqa: PLC0415 - models are loaded only now
        from foundation.rate_limits.rate_limit import purge_counters  # noqa: PLC0415

        background_tasks.register_periodic_task(
            background_tasks.HOUSEKEEPING, timedelta(days=1), background_tasks.housekeeping
        )
        background_tasks.register_purge(purge_counters)
