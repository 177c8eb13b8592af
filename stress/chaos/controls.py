"""The negative controls: the worker without one of its guards.

``settle``: it resends if a lease expires or an outcome is unknown, as most queues do. ``order``: a change supersedes
nothing, and messages of one booking do not wait for each other. ``quit``: the response to QUIT decides the outcome of
an e-mail.
"""

import dataclasses
import os
from typing import Any

from django.apps import AppConfig
from django.db import connection

from config.settings import *  # noqa: F403 - this is also the settings module of the negative controls
from config.settings import INSTALLED_APPS as DAYBOOK_APPS
from stress.replace import replace

INSTALLED_APPS = [*DAYBOOK_APPS, "stress.chaos.controls.Controls"]
WITHOUT = os.environ.get("CHAOS_WITHOUT", "").split(",")


class Controls(AppConfig):
    name = "stress.chaos"
    label = "controls"

    def ready(self) -> None:
        if "settle" in WITHOUT:
            _remove_settling()
        if "order" in WITHOUT:
            _remove_order()
        if "quit" in WITHOUT:
            _decide_at_quit()


def _remove_settling() -> None:
    from notifications.delivery import drain, senders  # noqa: PLC0415 - models are loaded only now
    from notifications.delivery.send_attempt import deliver  # noqa: PLC0415
    from notifications.models import Notification  # noqa: PLC0415

    def deliver_naively(*args: Any, **kwargs: Any) -> Any:
        outcome = deliver(*args, **kwargs)
        is_unknown = outcome.status == Notification.Status.UNKNOWN
        return dataclasses.replace(outcome, status=Notification.Status.QUEUED) if is_unknown else outcome

    def requeue_expired_leases() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                """UPDATE notifications_notification SET status = 'queued', lease_until = NULL, lease_token = NULL
                   WHERE status = 'sending' AND lease_until < clock_timestamp()"""
            )
            return int(cursor.rowcount)

    replace(senders, "deliver", deliver_naively)
    replace(drain, "take_back_expired_leases", requeue_expired_leases)


def _remove_order() -> None:
    from notifications import receivers  # noqa: PLC0415
    from notifications.delivery import claim  # noqa: PLC0415
    from notifications.delivery.claimable import IS_WAITING_FOR_ANOTHER  # noqa: PLC0415

    def supersede_nothing(**kwargs: Any) -> None:
        pass

    replace(receivers, "supersede_messages", supersede_nothing)
    replace(claim, "CLAIM", claim.CLAIM.replace(IS_WAITING_FOR_ANOTHER, "false"))


def _decide_at_quit() -> None:
    from notifications.providers.base import ProviderUnavailable  # noqa: PLC0415
    from notifications.providers.smtp.connection import Connection  # noqa: PLC0415

    send = Connection.send

    def send_and_quit(self: Connection, *args: Any) -> None:
        send(self, *args)
        code, _ = self._smtp.docmd("QUIT")
        if code != 221:
            raise ProviderUnavailable(f"The mail server replied {code} to QUIT.")

    replace(Connection, "send", send_and_quit)
