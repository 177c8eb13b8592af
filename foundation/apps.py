from datetime import timedelta

from django.apps import AppConfig
from django.core import checks
from django.db.backends.signals import connection_created


class FoundationConfig(AppConfig):
    name = "foundation"

    def ready(self) -> None:
        from foundation import background_tasks  # noqa: PLC0415 - models are loaded only now
        from foundation.clock import measure_offset  # noqa: PLC0415
        from foundation.http.transport import check_https  # noqa: PLC0415
        from foundation.models.personal_data import PERSONAL_DATA  # noqa: PLC0415
        from foundation.personal_data import register_personal_data  # noqa: PLC0415

        background_tasks.register_periodic_task(
            background_tasks.HOUSEKEEPING, timedelta(days=1), background_tasks.housekeeping
        )
        checks.register(check_https, checks.Tags.security)
        register_personal_data(PERSONAL_DATA)
        connection_created.connect(measure_offset)
