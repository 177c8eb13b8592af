import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task
from django_q.signing import SignedPackage

from foundation.background_tasks import HOUSEKEEPING, housekeeping, run_due_tasks
from foundation.models import PeriodicTask
from notifications.models import ChannelState, Lane
from runtime.processes import ROOT
from runtime.queue import discard_unknown_jobs, prepare_jobs
from tests.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)

SCHEDULES = [("drain 0", "(0,)", 1), ("drain 1", "(1,)", 1), ("due rows", None, 1)]
PREPARE_TOGETHER = """
import django
django.setup()
from runtime.queue import prepare_jobs
print(flush=True)
input()
prepare_jobs()
"""


def schedules():
    return sorted(Schedule.objects.values_list("name", "args", "minutes"))


def test_prepare_jobs_twice_creates_one_schedule_per_job():
    prepare_jobs()
    ids = set(Schedule.objects.values_list("pk", flat=True))

    prepare_jobs()

    assert schedules() == SCHEDULES
    assert set(Schedule.objects.values_list("pk", flat=True)) == ids


def test_prepare_jobs_queues_every_job():
    prepare_jobs()

    queued = [SignedPackage.loads(row.payload) for row in OrmQ.objects.all()]
    assert sorted((job["func"], job["args"]) for job in queued) == [
        ("notifications.jobs.drain", (0,)),
        ("notifications.jobs.drain", (1,)),
        ("runtime.jobs.process_due_rows", ()),
    ]


def test_prepare_jobs_deletes_duplicate_unknown_and_malformed_schedules():
    prepare_jobs()
    for schedule in Schedule.objects.all():
        schedule.pk = None
        schedule.save()  # as two first starts at the same moment have left it
    Schedule.objects.filter(name="drain 0").update(args="(((")
    Schedule.objects.create(func="os.system", args="(((", schedule_type=Schedule.MINUTES, minutes=1)
    Schedule.objects.create(name="due rows", func="runtime.jobs.process_due_rows", schedule_type=Schedule.HOURLY)

    prepare_jobs()

    assert schedules() == SCHEDULES


def test_unknown_schedules_are_deleted_while_the_worker_runs():
    Schedule.objects.create(func="os.system", args="(((", schedule_type=Schedule.MINUTES, minutes=1)

    discard_unknown_jobs()

    assert schedules() == []


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
    assert schedules() == SCHEDULES
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


def test_housekeeping_runs_the_other_purges_if_one_fails(monkeypatch):
    def fail():
        raise ValueError("a purge failed")

    monkeypatch.setattr("foundation.background_tasks._purges", [fail, lambda: 3])

    assert housekeeping() == 3
