from django.apps import AppConfig


class DeskConfig(AppConfig):
    name = "desk"

    def ready(self) -> None:
        from bookings.timeline import add_shortcut  # noqa: PLC0415 - models are loaded only now
        from desk.shortcuts import link_to_balance  # noqa: PLC0415

        add_shortcut(link_to_balance)
