import pytest
from django.conf import settings as django_settings
from django.core import signing
from django.utils import timezone
from django_q.conf import Conf
from django_q.exceptions import TimeoutException
from django_q.models import Failure, OrmQ
from django_q.signing import SignedPackage

from foundation.job_queue import SALT, queue_job
from notifications.models import Lane
from runtime import broker
from runtime.broker import JobBroker, discard_unknown_jobs, run_job
from runtime.processes import manage_command, start
from tests.builders.jobs import hostile_payloads, queue_row, queued_jobs
from tests.daybook_processes import wait_until
from tests.processes import database_url, kill_worker

pytestmark = pytest.mark.django_db(transaction=True)

PREVIOUS_KEY = "the previous key abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def broker_with_two_keys(settings):
    settings.SECRET_KEY_FALLBACKS = [PREVIOUS_KEY]
    return JobBroker()


def dequeue_all(job_broker):
    """Dequeue as django-q2's pusher does until the queue is empty; return the tasks."""
    tasks = []
    while OrmQ.objects.filter(lock__lt=timezone.now()).exists():
        tasks += [SignedPackage.loads(payload) for _, payload in job_broker.dequeue() or []]
    return tasks


def messages_of(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "runtime.broker"]


def test_dequeue_returns_the_queued_job(broker_with_two_keys):
    queue_job("drain", 1)

    (task,) = dequeue_all(broker_with_two_keys)

    assert (task["func"], task["args"], task["kwargs"]) == (run_job, ("drain", 1), {})


def test_queued_payload_is_signed_json():
    queue_job("drain", 1)

    assert signing.loads(OrmQ.objects.get().payload, salt=SALT) == ["drain", 1]


def test_job_that_the_previous_key_signed_is_run(broker_with_two_keys):
    queue_row(signing.dumps(["drain", 1], key=PREVIOUS_KEY, salt=SALT))

    (task,) = dequeue_all(broker_with_two_keys)

    assert task["args"] == ("drain", 1)


@pytest.mark.parametrize("key", ["current", "previous"])
def test_rows_with_a_pickle_or_another_function_are_deleted_unread(broker_with_two_keys, caplog, tmp_path, key):
    signing_key = django_settings.SECRET_KEY if key == "current" else PREVIOUS_KEY
    payloads = hostile_payloads(signing_key, tmp_path / "executed")
    for payload in payloads:
        queue_row(payload)
    queue_job("drain", 0)

    tasks = dequeue_all(broker_with_two_keys)

    assert [task["args"] for task in tasks] == [("drain", 0)]
    assert list(tmp_path.iterdir()) == []
    assert queued_jobs() == [("drain", [0])]  # django-q2 deletes it when it has run
    assert messages_of(caplog) == [
        f"Deleted {len(payloads)} queued jobs that were unreadable or unknown; the worker continues."
    ]


def test_hostile_rows_would_execute_code_in_django_q2_itself(tmp_path):
    marker = tmp_path / "executed"
    payload = hostile_payloads(django_settings.SECRET_KEY, marker)[1]

    SignedPackage.loads(payload)

    assert marker.exists()


@pytest.mark.parametrize("payload", ["unsigned", "", ":", "a:b:c", "é"])
def test_rows_with_a_wrong_signature_are_deleted(broker_with_two_keys, payload):
    queue_row(payload)
    queue_row(signing.dumps(["drain", 0], key="another key", salt=SALT))

    assert dequeue_all(broker_with_two_keys) == []
    assert OrmQ.objects.count() == 0


def test_discard_unknown_jobs_keeps_known_ones_and_logs_nothing_without_others(caplog):
    queue_job("drain", 0)

    discard_unknown_jobs()

    assert (queued_jobs(), messages_of(caplog)) == ([("drain", [0])], [])


@pytest.mark.parametrize("error", [ValueError("secret value"), TimeoutException("secret value")])
def test_failed_job_is_logged_and_leaves_no_error_to_django_q2(monkeypatch, caplog, error):
    def fail():
        raise error

    monkeypatch.setitem(broker.JOBS, "drain", fail)

    run_job("drain")

    assert messages_of(caplog) == ["Job drain failed"]
    assert caplog.records[-1].exc_info is not None


def test_scheduler_of_django_q2_is_off():
    """Its rows name functions, which it imports."""
    assert Conf.SCHEDULER is False


@pytest.mark.slow
@pytest.mark.parametrize("key", ["current", "previous"])
def test_running_worker_executes_nothing_of_hostile_rows(tmp_path, key):
    signing_key = django_settings.SECRET_KEY if key == "current" else PREVIOUS_KEY
    marker = tmp_path / "executed"
    environment = {"DATABASE_URL": database_url(), "SECRET_KEY_FALLBACKS": PREVIOUS_KEY, "DATA_DIR": str(tmp_path)}
    log = tmp_path / "log"
    worker = start(manage_command("worker"), environment, log)
    try:
        wait_until(lambda: Lane.objects.filter(beat_at__isnull=False).count() == 2)
        payloads = hostile_payloads(signing_key, marker)
        for payload in payloads:
            queue_row(payload)
        wait_until(lambda: not OrmQ.objects.filter(payload__in=payloads).exists())
        queue_row(signing.dumps(["process_due_rows"], key=signing_key, salt=SALT))
        last = OrmQ.objects.latest("pk")
        wait_until(lambda: not OrmQ.objects.filter(pk=last.pk).exists())
    finally:
        kill_worker(worker)

    assert not marker.exists()
    assert "queued jobs that were unreadable or unknown" in log.read_text()
    assert Failure.objects.count() == 0
