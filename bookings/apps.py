from django.apps import AppConfig


class BookingsConfig(AppConfig):
    name = "bookings"

    def ready(self) -> None:
        from bookings.timeline import add_source, booking_events  # noqa: PLC0415 - models are loaded only now

        add_source(booking_events)
