"""The negative control: resend if a lease expires or an outcome is unknown, as most queues do."""

import dataclasses
from typing import Any

from django.apps import AppConfig
from django.db import connection

from config.settings import *  # noqa: F403 - this is also the settings module of the naive run
from config.settings import INSTALLED_APPS as DAYBOOK_APPS
from stress.replace import replace

INSTALLED_APPS = [*DAYBOOK_APPS, "stress.chaos.naive.Naive"]


class Naive(AppConfig):
    name = "stress.chaos"
    label = "naive"

    def ready(self) -> None:
        from notifications.delivery import drain  # noqa: PLC0415 - models are loaded only now
        from notifications.delivery.send_attempt import deliver  # noqa: PLC0415
        from notifications.models import Notification  # noqa: PLC0415

        def deliver_naively(*args: Any, **kwargs: Any) -> Any:
            outcome = deliver(*args, **kwargs)
            is_unknown = outcome.status == Notification.Status.UNKNOWN
            return dataclasses.replace(outcome, status=Notification.Status.QUEUED) if is_unknown else outcome

        replace(drain, "deliver", deliver_naively)
        replace(drain, "take_back_expired_leases", requeue_expired_leases)


def requeue_expired_leases() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE notifications_notification SET status = 'queued', lease_until = NULL, lease_token = NULL
               WHERE status = 'sending' AND lease_until < clock_timestamp()"""
        )
        return int(cursor.rowcount)
