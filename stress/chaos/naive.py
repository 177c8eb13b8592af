"""The negative control: the rule that most queues have. "The lease is over, or the answer was unclear: send again." """

import dataclasses
from typing import Any

from django.apps import AppConfig
from django.db import connection

from config.settings import *  # noqa: F403 - this module is also the settings of the naive run
from config.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "stress.chaos.naive.Naive"]


class Naive(AppConfig):
    name = "stress.chaos"
    label = "naive"

    def ready(self) -> None:
        from notifications.delivery import drain  # noqa: PLC0415 - models are loaded only now
        from notifications.models import Notification  # noqa: PLC0415

        careful = drain.deliver  # type: ignore[attr-defined]

        def deliver_naively(*args: Any, **kwargs: Any) -> Any:
            outcome = careful(*args, **kwargs)
            is_unclear = outcome.status == Notification.Status.UNKNOWN
            return dataclasses.replace(outcome, status=Notification.Status.QUEUED) if is_unclear else outcome

        drain.deliver = deliver_naively  # type: ignore[attr-defined]
        drain.take_back_expired_leases = requeue_lapsed_leases  # type: ignore[attr-defined]


def requeue_lapsed_leases() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_notification SET status = 'queued', lease_until = NULL, lease_token = NULL
               WHERE status = 'sending' AND lease_until < clock_timestamp()"""
        )
        return int(cursor.rowcount)
