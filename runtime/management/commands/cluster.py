"""Run django-q2's cluster, for ``manage.py worker``."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from runtime.cluster import run_cluster


class Command(BaseCommand):
    help = "Run one cluster of django-q2. manage.py worker starts, watches and stops it."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.STOP_FILE:
            raise CommandError("Nothing would stop this cluster. Run manage.py worker, which starts one.")
        run_cluster()
