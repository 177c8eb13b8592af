"""Runs django-q2's cluster and watches over it: what it may do is in config.queue.

Parts of a cluster can die and leave the rest frozen or working on as orphans, and its own statistics call that healthy.
The heartbeat of the drains is what counts: when it stops while the database is there, the whole cluster is replaced.
"""

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connection

from notifications.delivery.heartbeat import oldest_heartbeat_age
from runtime.processes import interrupt_on_signals, kill_group, manage_command, start, stop
from runtime.queue import discard_unknown_jobs, prepare_jobs

PAUSE_SECONDS = 1
SILENCE_SECONDS = 12  # without a heartbeat; a drain beats every second
START_SECONDS = 15  # how long a new cluster may take to its first heartbeat


class Command(BaseCommand):
    help = "Deliver what is owed until SIGTERM or Ctrl-C. Safe to stop in any way: nothing is lost or sent twice."

    def handle(self, *args: Any, **options: Any) -> None:
        interrupt_on_signals()
        with tempfile.TemporaryDirectory(prefix="daybook-worker-") as folder:
            stop_file = Path(folder) / "stop"
            try:
                while True:
                    self._run_cluster(stop_file)
                    time.sleep(PAUSE_SECONDS)
            except KeyboardInterrupt:
                return

    def _run_cluster(self, stop_file: Path) -> None:
        self._prepare()
        cluster = start(manage_command("qcluster"), {"DAYBOOK_STOP_FILE": str(stop_file)})
        try:
            self.stderr.write(f"Starting another cluster: {self._watch(cluster)}.")
        except KeyboardInterrupt:
            stop_file.touch()  # the drains claim nothing more; what is in flight is finished
            stop(cluster)
            raise
        # Its first process can die alone (and then reports success): the orphans would work on, unguarded.
        kill_group(cluster)

    def _prepare(self) -> None:
        while True:  # a cluster that starts without its database never recovers
            try:
                prepare_jobs()
            except (DatabaseError, InterfaceError) as error:
                self.stderr.write(f"Waiting for the database: {error}".strip())
                connection.close()
                time.sleep(PAUSE_SECONDS)
            else:
                return

    def _watch(self, cluster: subprocess.Popen[bytes]) -> str:
        """Return why the cluster has to be replaced, once it has to."""
        patience_until = time.monotonic() + START_SECONDS
        while cluster.poll() is None:
            time.sleep(PAUSE_SECONDS)
            try:
                silence = oldest_heartbeat_age()
                discard_unknown_jobs()
            except (DatabaseError, InterfaceError):
                # Its drains cannot beat without the database, and need a moment once it is back.
                connection.close()
                patience_until = time.monotonic() + SILENCE_SECONDS
                continue
            is_silent = silence is None or silence > SILENCE_SECONDS
            if is_silent and time.monotonic() > patience_until:
                return "no drain has given a sign of life"
        return "the last one ended by itself"
