import base64
import pickle
import subprocess
import sys
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import Task

from foundation.background_tasks import HOUSEKEEPING, housekeeping, run_due_tasks
from foundation.models import PeriodicTask
from notifications.models import ChannelState, Lane
from runtime.processes import ROOT
from runtime.queue import prepare_jobs, purge_failed_jobs
from tests.builders.jobs import Command, queue_row, queued_jobs
from tests.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)

PREPARE_TOGETHER = """
import django
django.setup()
from runtime.queue import prepare_jobs
print(flush=True)
input()
prepare_jobs()
"""


def test_prepare_jobs_queues_every_job():
    prepare_jobs()

    assert sorted(queued_jobs()) == [("drain", [0]), ("drain", [1]), ("process_due_rows", [])]


def test_prepare_jobs_deletes_jobs_of_an_earlier_version():
    queue_row("pickled by django-q2")

    prepare_jobs()

    assert ("unreadable", []) not in queued_jobs()


@pytest.mark.slow
def test_workers_that_start_at_the_same_moment_prepare_once():
    Lane.objects.all().delete()
    command = [sys.executable, "-c", PREPARE_TOGETHER]
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": database_url(), "DEBUG": "1"}
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, env=environment, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) for _ in range(4)
    ]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()

    for process in processes:
        process.communicate(timeout=60)

    assert [process.returncode for process in processes] == [0] * 4
    assert sorted(Lane.objects.values_list("number", flat=True)) == [0, 1]
    assert ChannelState.objects.count() == 3
    names = list(PeriodicTask.objects.values_list("name", flat=True))
    assert sorted(names) == sorted(set(names))


def record_job(name, *, age, is_success=False):
    """Record a finished job as django-q2 does."""
    stopped = timezone.now() - age
    Task.objects.create(id=name, name=name, func="x", started=stopped, stopped=stopped, success=is_success)


def test_housekeeping_purges_failed_jobs_after_seven_days():
    PeriodicTask.objects.create(name=HOUSEKEEPING)
    record_job("old", age=timedelta(days=7, minutes=1))
    record_job("recent", age=timedelta(days=6, hours=23))
    record_job("successful", age=timedelta(days=30), is_success=True)

    run_due_tasks()

    assert sorted(Task.objects.values_list("name", flat=True)) == ["recent", "successful"]


def test_purge_of_failed_jobs_does_not_unpickle_them(tmp_path):
    marker = tmp_path / "executed"
    record_job("hostile", age=timedelta(days=8))
    pickled = base64.b64encode(pickle.dumps(Command(f"touch {marker}"))).decode()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_q_task SET result = %s, args = %s, kwargs = %s", [pickled] * 3)

    deleted = purge_failed_jobs()

    assert (deleted, marker.exists()) == (1, False)


def test_housekeeping_runs_the_other_purges_if_one_fails(monkeypatch):
    def fail():
        raise ValueError("a purge failed")

    monkeypatch.setattr("foundation.background_tasks._purges", [fail, lambda: 3])

    assert housekeeping() == 3
