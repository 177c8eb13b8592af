from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "bookings"

    def ready(self) -> None:
        from bookings import jobs  # noqa: PLC0415 - needs the models, which are loaded by now
        from bookings.invariants import INVARIANTS  # noqa: PLC0415
        from bookings.personal_data import PERSONAL_DATA  # noqa: PLC0415
        from bookings.timeline import add_source, booking_events  # noqa: PLC0415
        from foundation.invariants import register_invariants  # noqa: PLC0415
        from foundation.personal_data import register_personal_data  # noqa: PLC0415

        jobs.register()
        register_invariants("Bookings", INVARIANTS)
        register_personal_data(PERSONAL_DATA)
        add_source(booking_events)
