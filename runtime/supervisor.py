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

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from notifications.delivery.heartbeat import oldest_heartbeat_age
from notifications.jobs import wake_lanes
from runtime.embedded_postgres import restart_embedded_postgres_if_it_ended
from runtime.jobs import queue_due_rows
from runtime.processes import POLL_SECONDS, StopRequest, kill_group, manage_command, start
from runtime.queue import prepare_jobs

RETRY_SECONDS = 1
MAX_HEARTBEAT_AGE_SECONDS = 12  # a lane records its heartbeat every second
START_SECONDS = 15  # how long a new cluster may take until its first heartbeat
DUE_ROWS_SECONDS = 60  # between passes over the due rows that are queued in case the last one could not hand off

log = logging.getLogger(__name__)


def supervise_cluster() -> None:
    """Run a cluster, and replace it whenever it ends or freezes, until SIGTERM or Ctrl-C. Then stop it gracefully."""
    stop_request = StopRequest()
    with tempfile.TemporaryDirectory(prefix="daybook-worker-") as folder:
        stop_file = Path(folder) / "stop"
        while not stop_request.is_received:
            if _prepare_jobs(stop_request):
                _run_cluster(stop_file, stop_request)
            stop_request.wait(RETRY_SECONDS)


def _run_cluster(stop_file: Path, stop_request: StopRequest) -> None:
    # In this session, in which manage.py run finds it if this process is killed.
    cluster = start(manage_command("cluster"), {"DAYBOOK_STOP_FILE": str(stop_file)}, own_session=False)
    reason = _watch(cluster, stop_request)
    if stop_request.is_received:
        stop_file.touch()  # the lanes claim nothing new and finish what is in flight
        _wait_for_end(cluster)
    else:
        log.warning("Replacing the cluster: %s.", reason)
    # The cluster's main process can die on its own and still exit with 0; its children would run on unsupervised.
    kill_group(cluster)


def _wait_for_end(cluster: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + settings.CLUSTER_STOP_SECONDS
    while cluster.poll() is None:
        restart_embedded_postgres_if_it_ended()  # the outcomes of messages in flight are recorded there
        time.sleep(POLL_SECONDS)
        if time.monotonic() > end:
            log.error("The cluster did not stop within %d s: killing it.", settings.CLUSTER_STOP_SECONDS)
            return


def _prepare_jobs(stop_request: StopRequest) -> bool:
    """Prepare the jobs once the database is available; return False if this process is stopping before that."""
    while True:  # a cluster that starts without its database never recovers
        try:
            with stop_request.interrupting():  # another host may hold the lock for a long migration
                prepare_jobs()
        except KeyboardInterrupt:
            return False
        except (DatabaseError, InterfaceError) as error:
            restart_embedded_postgres_if_it_ended()
            log.warning("Waiting for the database: %s", str(error).strip())
            connection.close()
            stop_request.wait(RETRY_SECONDS)
        else:
            return True


def _watch(cluster: subprocess.Popen[bytes], stop_request: StopRequest) -> str:
    """Wait until the cluster must be replaced, or this process was asked to stop; return the reason."""
    grace_until = time.monotonic() + START_SECONDS
    due_rows_at = time.monotonic() + DUE_ROWS_SECONDS
    while cluster.poll() is None:
        if stop_request.wait(RETRY_SECONDS):
            return "the worker is stopping"
        restart_embedded_postgres_if_it_ended()
        try:
            wake_lanes()  # a lane cannot hand off while the database is down
            age = oldest_heartbeat_age()
            if time.monotonic() >= due_rows_at:
                queue_due_rows()
                due_rows_at = time.monotonic() + DUE_ROWS_SECONDS
        except (DatabaseError, InterfaceError):
            # The lanes cannot record heartbeats without the database, and need a moment once it is back.
            connection.close()
            grace_until = time.monotonic() + MAX_HEARTBEAT_AGE_SECONDS
            continue
        is_frozen = age is None or age > MAX_HEARTBEAT_AGE_SECONDS
        if is_frozen and time.monotonic() > grace_until:
            return "no lane has recorded a heartbeat"
    return "its main process has exited"
