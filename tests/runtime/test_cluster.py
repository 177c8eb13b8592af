import multiprocessing
import os
import signal
import sys
import time
from unittest.mock import Mock

from runtime import cluster


def test_stop_without_a_supervisor_deletes_only_the_stop_file(settings, tmp_path):
    other_file = tmp_path / "other"
    other_file.touch()
    settings.STOP_FILE = str(tmp_path / "stop")

    cluster._stop_without_supervisor(Mock())

    assert list(tmp_path.iterdir()) == [other_file]


def test_worker_past_its_timeout_is_killed_although_it_ignores_a_stop():
    fork = multiprocessing.get_context("fork")

    def act_as_cluster():
        cluster._block_stop_signals()
        worker = fork.Process(target=time.sleep, args=(60,))
        worker.start()
        os.kill(worker.pid, signal.SIGTERM)  # as a service manager does
        worker.join(0.5)
        survives_stop = worker.is_alive()
        worker.terminate()  # as django-q2 does after the timeout
        worker.join(10)
        sys.exit(0 if survives_stop and not worker.is_alive() else 1)

    process = fork.Process(target=act_as_cluster)
    process.start()
    process.join()

    assert process.exitcode == 0
