from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from bookings.operations import add_contact_check  # noqa: PLC0415 - models cannot be imported earlier
        from bookings.timeline import add_source  # noqa: PLC0415
        from foundation.background_tasks import register_periodic_task  # noqa: PLC0415
        from foundation.invariants import register_invariants  # noqa: PLC0415
        from notifications import receivers  # noqa: F401, PLC0415 - importing it connects its receivers
        from notifications.channels import CHANNELS  # noqa: F401, PLC0415 - importing them registers their checks
        from notifications.channels.contact import find_contact_errors  # noqa: PLC0415
        from notifications.invariants import INVARIANTS  # noqa: PLC0415
        from notifications.reminder_settings import (  # noqa: PLC0415
            FOLLOW_SETTINGS,
            INTERVAL,
            follow_reminder_settings,
        )
        from notifications.timeline import message_entries  # noqa: PLC0415

        add_contact_check(find_contact_errors)
        register_invariants("Messages", INVARIANTS)
        add_source(message_entries)
        register_periodic_task(FOLLOW_SETTINGS, INTERVAL, follow_reminder_settings)
