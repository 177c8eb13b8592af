from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from bookings.timeline import add_source  # noqa: PLC0415 - models are loaded only now
        from notifications import receivers  # noqa: F401, PLC0415 - importing it is what connects its receivers
        from notifications.timeline import message_entries  # noqa: PLC0415

        add_source(message_entries)
