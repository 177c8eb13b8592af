"""django-q2's cluster, which only the stop file stops.

A service manager sends SIGTERM to every process of a service at the same time. django-q2's children die of it, with
their messages in flight, and its main process then waits for them forever. So all processes of the cluster block it.
"""

from __future__ import annotations

import multiprocessing.popen_fork
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django_q.cluster import Cluster

from foundation.graceful_stop import is_stopping
from runtime.processes import signal_on_parent_death

POLL_SECONDS = 0.2


def run_cluster() -> None:
    """Run a cluster until its stop file exists, its supervisor dies, or its sentinel does; then end all of it."""
    supervisor = os.getppid()
    _block_stop_signals()
    os.register_at_fork(after_in_child=lambda: signal_on_parent_death(signal.SIGKILL))
    cluster = Cluster()
    cluster.start()
    while cluster.sentinel.is_alive() and not is_stopping():
        if os.getppid() != supervisor:
            _stop_without_supervisor(cluster)
            return
        time.sleep(POLL_SECONDS)
    cluster.stop()


def _block_stop_signals() -> None:
    # A mask, not a handler: django-q2 sets handlers of its own, and its children inherit the mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    # So django-q2 must kill a worker that exceeds its timeout. It terminates no others while they run.
    multiprocessing.popen_fork.Popen.terminate = multiprocessing.popen_fork.Popen.kill  # type: ignore[method-assign]


def _stop_without_supervisor(cluster: Cluster) -> None:
    stop_file = Path(settings.STOP_FILE)
    stop_file.parent.mkdir(exist_ok=True)
    stop_file.touch()
    cluster.stop()
    stop_file.unlink(missing_ok=True)
    with suppress(OSError):  # it is not empty: it is not the supervisor's folder
        stop_file.parent.rmdir()
