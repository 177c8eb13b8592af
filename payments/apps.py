from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from bookings.timeline import add_shortcut, add_source  # noqa: PLC0415 - models are loaded only now
        from payments import receivers  # noqa: F401, PLC0415 - importing it is what connects its receivers
        from payments.timeline import payment_entries, to_the_desk  # noqa: PLC0415

        add_source(payment_entries)
        add_shortcut(to_the_desk)
