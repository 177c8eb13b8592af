from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from bookings.timeline import add_source  # noqa: PLC0415 - models cannot be imported earlier
        from foundation.invariants import register_invariants  # noqa: PLC0415
        from notifications import receivers  # noqa: F401, PLC0415 - importing it connects its receivers
        from notifications.channels import CHANNELS  # noqa: F401, PLC0415 - importing them registers their checks
        from notifications.invariants import INVARIANTS  # noqa: PLC0415
        from notifications.timeline import message_entries  # noqa: PLC0415

        register_invariants("Messages", INVARIANTS)
        add_source(message_entries)
