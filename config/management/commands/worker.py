"""Runs django-q2's cluster, and only that: what it does is in notifications.jobs."""

import time
from typing import Any

from django.core.management.base import BaseCommand
from django.db import OperationalError, connection

from config.processes import interrupt_on_signals, kill_group, manage, start, stop
from notifications.jobs import prepare_drains

PAUSE_SECONDS = 1


class Command(BaseCommand):
    help = "Deliver what is owed until SIGTERM or Ctrl-C. Safe to stop in any way: nothing is lost or sent twice."

    def handle(self, *args: Any, **options: Any) -> None:
        interrupt_on_signals()
        try:
            while True:
                self._run_cluster()
                self.stderr.write("The cluster ended by itself: starting another.")
                time.sleep(PAUSE_SECONDS)
        except KeyboardInterrupt:
            return

    def _run_cluster(self) -> None:
        self._prepare()
        cluster = start(manage("qcluster"))
        try:
            cluster.wait()
        except KeyboardInterrupt:
            stop(cluster)
            raise
        # Its first process can die alone (and then reports success): the orphans would work on, unguarded.
        kill_group(cluster)

    def _prepare(self) -> None:
        while True:  # a cluster that starts without its database never recovers
            try:
                prepare_drains()
            except OperationalError as error:
                self.stderr.write(f"Waiting for the database: {error}".strip())
                connection.close()
                time.sleep(PAUSE_SECONDS)
            else:
                connection.close()
                return
