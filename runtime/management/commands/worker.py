"""Run the worker."""

from typing import Any

from django.core.management.base import BaseCommand

from notifications.operations.off_periods import log_channels_off
from runtime.supervisor import supervise_cluster


class Command(BaseCommand):
    help = (
        "Deliver messages and process due rows until SIGTERM or Ctrl-C. However it ends, nothing is lost or duplicated."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        log_channels_off()
        supervise_cluster()
