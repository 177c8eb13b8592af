from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from bookings.online_amounts import add_online_amount_check  # noqa: PLC0415
        from bookings.timeline import add_source  # noqa: PLC0415 - models are loaded only now
        from foundation.invariants import register_invariants  # noqa: PLC0415
        from payments import (  # noqa: PLC0415
            jobs,
            receivers,  # noqa: F401 - importing it connects its receivers
        )
        from payments.gateway.limits import check_amount  # noqa: PLC0415
        from payments.invariants import INVARIANTS  # noqa: PLC0415
        from payments.timeline import payment_entries  # noqa: PLC0415

        jobs.register()
        register_invariants("Payments", INVARIANTS)
        add_source(payment_entries)
        add_online_amount_check(check_amount)
