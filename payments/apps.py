from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from bookings.online_amounts import add_online_amount_check  # noqa: PLC0415
        from bookings.operations import add_erasure_check  # noqa: PLC0415
        from bookings.timeline import add_source  # noqa: PLC0415 - models are loaded only now
        from foundation.invariants import register_invariants  # noqa: PLC0415
        from foundation.personal_data import register_personal_data  # noqa: PLC0415
        from payments import (  # noqa: PLC0415
            jobs,
            receivers,  # noqa: F401 - importing it connects its receivers
        )
        from payments.erasure_obstacles import find_erasure_obstacles  # noqa: PLC0415
        from payments.gateway.limits import check_amount  # noqa: PLC0415
        from payments.invariants import INVARIANTS  # noqa: PLC0415
        from payments.personal_data import PERSONAL_DATA  # noqa: PLC0415
        from payments.timeline import payment_entries  # noqa: PLC0415

        jobs.register()
        register_invariants("Payments", INVARIANTS)
        register_personal_data(PERSONAL_DATA)
        add_source(payment_entries)
        add_online_amount_check(check_amount)
        add_erasure_check(find_erasure_obstacles)
