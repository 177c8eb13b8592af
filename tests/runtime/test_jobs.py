import psycopg2
import pytest
from django.db import OperationalError

from runtime import jobs
from tests.builders.jobs import queued_jobs
from tests.processes import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def passes(monkeypatch):
    """Record the passes over the due rows in a slice that is over after the first."""
    recorded = []
    monkeypatch.setattr(jobs, "SLICE_SECONDS", 0.05)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.06)
    monkeypatch.setattr(jobs, "run_due_tasks", lambda: recorded.append("pass"))
    return recorded


@pytest.fixture
def other_session():
    """Return a function that calls an advisory lock function in another session, as another host would."""
    session = psycopg2.connect(database_url())

    def call(function):
        with session, session.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [jobs.LOCK_KEY])
            (result,) = cursor.fetchone()
            return result

    yield call
    session.close()


def test_process_due_rows_queues_its_successor(passes):
    jobs.process_due_rows()

    assert (passes, queued_jobs()) == (["pass"], [(jobs.PROCESS_DUE_ROWS, [])])


def test_process_due_rows_of_a_stopping_worker_starts_no_pass(passes, settings, tmp_path):
    settings.STOP_FILE = str(tmp_path / "stop")
    (tmp_path / "stop").touch()

    jobs.process_due_rows()

    assert (passes, queued_jobs()) == ([], [(jobs.PROCESS_DUE_ROWS, [])])


def test_process_due_rows_queues_its_successor_after_a_database_error(passes, monkeypatch):
    def fail():
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(jobs, "run_due_tasks", fail)
    with pytest.raises(OperationalError):
        jobs.process_due_rows()

    assert queued_jobs() == [(jobs.PROCESS_DUE_ROWS, [])]


def test_process_due_rows_leaves_the_rows_to_a_pass_that_is_running(passes, other_session):
    other_session("pg_advisory_lock")
    jobs.process_due_rows()
    passes_beside_another = [*passes]

    other_session("pg_advisory_unlock")
    jobs.process_due_rows()

    assert (passes_beside_another, passes, len(queued_jobs())) == ([], ["pass"], 1)


def test_process_due_rows_releases_its_lock_after_an_error(monkeypatch, other_session):
    def fail():
        raise ValueError("a task failed")

    monkeypatch.setattr(jobs, "run_due_tasks", fail)
    with pytest.raises(ValueError, match="a task failed"):
        jobs.process_due_rows()

    assert other_session("pg_try_advisory_lock") is True
