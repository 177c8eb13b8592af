from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from bookings.operations import add_contact_check, add_erasure_check  # noqa: PLC0415 - models cannot be imported earlier
        from bookings.timeline import add_source  # noqa: PLC0415
        from foundation.background_tasks import register_periodic_task  # noqa: PLC0415
        from foundation.invariants import register_invariants  # noqa: PLC0415
        from foundation.personal_data import register_personal_data  # noqa: PLC0415
        from notifications import receivers  # noqa: F401, PLC0415 - importing it connects its receivers
        from notifications.channels import CHANNELS  # noqa: F401, PLC0415 - importing them registers their checks
        from notifications.channels.contact import find_contact_errors  # noqa: PLC0415
        from notifications.erasure_obstacles import find_erasure_obstacles  # noqa: PLC0415
        from notifications.invariants import INVARIANTS  # noqa: PLC0415
        from notifications.personal_data import PERSONAL_DATA  # noqa: PLC0415
        from notifications.reminder_settings import (  # noqa: PLC0415
            FOLLOW_SETTINGS,
            INTERVAL,
            follow_reminder_settings,
        )
        from notifications.timeline import message_entries  # noqa: PLC0415

        add_contact_check(find_contact_errors)
        register_invariants("Messages", INVARIANTS)
        register_personal_data(PERSONAL_DATA)
        add_source(message_entries)
        register_periodic_task(FOLLOW_SETTINGS, INTERVAL, follow_reminder_settings)
        add_erasure_check(find_erasure_obstacles)
