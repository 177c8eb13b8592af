from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "runtime"

    def ready(self) -> None:
        from foundation.background_tasks import register_purge  # noqa: PLC0415 - models are loaded only now
        from runtime.queue import purge_failed_jobs  # noqa: PLC0415

        register_purge(purge_failed_jobs)
