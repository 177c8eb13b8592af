"""The supervisor of django-q2's cluster, with a watchdog.

Processes of a cluster can die and leave the rest frozen or orphaned, and django-q2's own statistics still report it as
healthy. The watchdog checks the heartbeat of the delivery lanes: if it stops while the database is available, the
supervisor replaces the whole cluster.
"""

from __future__ import annotations

import logging
import subprocess
import tempfile
import time
from pathlib import Path

from django.db import DatabaseError, InterfaceError, connection

from notifications.delivery.heartbeat import oldest_heartbeat_age
from runtime.processes import interrupt_on_signals, kill_group, manage_command, start, stop
from runtime.queue import discard_unknown_jobs, prepare_jobs

RETRY_SECONDS = 1
MAX_HEARTBEAT_AGE_SECONDS = 12  # a lane records its heartbeat every second
START_SECONDS = 15  # how long a new cluster may take until its first heartbeat

log = logging.getLogger(__name__)


def supervise_cluster() -> None:
    """Run a cluster, and replace it whenever it ends or freezes, until SIGTERM or Ctrl-C. Then shut down gracefully."""
    interrupt_on_signals()
    with tempfile.TemporaryDirectory(prefix="daybook-worker-") as folder:
        stop_file = Path(folder) / "stop"
        try:
            while True:
                _run_cluster(stop_file)
                time.sleep(RETRY_SECONDS)
        except KeyboardInterrupt:
            return


def _run_cluster(stop_file: Path) -> None:
    _prepare_jobs_once_database_is_available()
    cluster = start(manage_command("qcluster"), {"DAYBOOK_STOP_FILE": str(stop_file)})
    try:
        log.warning("Replacing the cluster: %s.", _watch(cluster))
    except KeyboardInterrupt:
        stop_file.touch()  # the lanes claim nothing new and finish what is in flight
        stop(cluster)
        raise
    # The cluster's main process can die on its own and still exit with 0; its children would run on unsupervised.
    kill_group(cluster)


def _prepare_jobs_once_database_is_available() -> None:
    while True:  # a cluster that starts without its database never recovers
        try:
            prepare_jobs()
        except (DatabaseError, InterfaceError) as error:
            log.warning("Waiting for the database: %s", str(error).strip())
            connection.close()
            time.sleep(RETRY_SECONDS)
        else:
            return


def _watch(cluster: subprocess.Popen[bytes]) -> str:
    """Wait until the cluster must be replaced; return the reason."""
    grace_until = time.monotonic() + START_SECONDS
    while cluster.poll() is None:
        time.sleep(RETRY_SECONDS)
        try:
            age = oldest_heartbeat_age()
            discard_unknown_jobs()
        except (DatabaseError, InterfaceError):
            # The lanes cannot record heartbeats without the database, and need a moment once it is back.
            connection.close()
            grace_until = time.monotonic() + MAX_HEARTBEAT_AGE_SECONDS
            continue
        is_frozen = age is None or age > MAX_HEARTBEAT_AGE_SECONDS
        if is_frozen and time.monotonic() > grace_until:
            return "no lane has recorded a heartbeat"
    return "its main process has exited"
