import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import psycopg2
import pytest
from django.db import OperationalError
from django.utils import timezone

from notifications.delivery.heartbeat import record_heartbeat
from notifications.models import Lane
from runtime import supervisor
from runtime.preparation import PREPARATION_LOCK
from runtime.processes import StopRequest
from tests.builders.jobs import queued_jobs
from tests.processes import database_url

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cluster(monkeypatch):
    """A process that ends after a moment, watched without the usual pauses."""
    monkeypatch.setattr(supervisor, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(supervisor, "START_SECONDS", 0)
    monkeypatch.setattr(supervisor, "MAX_HEARTBEAT_AGE_SECONDS", 5)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def stop_request():
    """The stop request of this process, which receives its signals meanwhile."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield StopRequest()
    for number, handler in handlers.items():
        signal.signal(number, handler)


def record_heartbeats(*ages):
    Lane.objects.all().delete()
    for lane, age in enumerate(ages):
        record_heartbeat(lane=lane, worker="test")
        Lane.objects.filter(number=lane).update(beat_at=timezone.now() - timedelta(seconds=age))


def test_cluster_with_one_frozen_lane_is_replaced(cluster, stop_request):
    record_heartbeats(0, 60)

    assert "heartbeat" in supervisor._watch(cluster, stop_request)
    assert cluster.poll() is None


def test_cluster_with_recent_heartbeats_runs_until_its_process_ends(cluster, stop_request):
    record_heartbeats(0, 0)

    assert "process" in supervisor._watch(cluster, stop_request)
    assert cluster.poll() is not None


def test_cluster_without_a_database_is_not_replaced(cluster, stop_request, monkeypatch):
    record_heartbeats(60)

    def raise_unavailable():
        raise OperationalError("the database is down")

    monkeypatch.setattr(supervisor, "oldest_heartbeat_age", raise_unavailable)

    assert "process" in supervisor._watch(cluster, stop_request)


def test_cluster_gets_time_for_a_heartbeat_once_the_database_is_back(cluster, stop_request, monkeypatch):
    record_heartbeats(60)
    ages = iter([OperationalError("the database is down")])

    def fail_once():
        for error in ages:
            raise error
        return 60.0

    monkeypatch.setattr(supervisor, "oldest_heartbeat_age", fail_once)

    assert "process" in supervisor._watch(cluster, stop_request)


def test_lane_that_did_not_hand_off_is_started_again(cluster, stop_request):
    record_heartbeats(0, 10)

    supervisor._watch(cluster, stop_request)

    assert queued_jobs() == [("drain", [1])]


def test_pass_over_due_rows_that_did_not_hand_off_is_started_again(cluster, stop_request, monkeypatch):
    monkeypatch.setattr(supervisor, "DUE_ROWS_SECONDS", 0.3)
    record_heartbeats(0, 0)

    supervisor._watch(cluster, stop_request)

    assert queued_jobs() == [("process_due_rows", [])]


def test_worker_that_waits_for_another_start_can_be_stopped(stop_request):
    session = psycopg2.connect(database_url())
    with session.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [PREPARATION_LOCK])
    timer = threading.Timer(0.5, os.kill, [os.getpid(), signal.SIGTERM])
    timer.start()

    is_prepared = supervisor._prepare_jobs(stop_request)

    session.close()
    timer.join()
    assert (is_prepared, stop_request.is_received) == (False, True)


def test_cluster_is_watched_until_the_worker_is_asked_to_stop(cluster, stop_request):
    record_heartbeats(0, 0)
    os.kill(os.getpid(), signal.SIGTERM)

    assert "stopping" in supervisor._watch(cluster, stop_request)
    assert cluster.poll() is None
