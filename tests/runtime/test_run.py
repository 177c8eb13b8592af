"""``manage.py run`` as its operators see it: real processes, killed and stopped in every way."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg2
import pytest
import requests
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from notifications.models import Lane, Notification
from runtime.processes import ROOT, free_port, signal_on_parent_death, wait_for_web
from tests.daybook_processes import accept_counts, book, find_process, has_arguments, processes_of, statuses, wait_until
from tests.processes import environment_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.django_db(transaction=True)]

BOOKINGS = 12
MESSAGES = 3 * BOOKINGS
SENT = {"accepted", "delivered", "read"}


class Run:
    """A running ``manage.py run``, in a process group of its own, as a service manager or a terminal starts it."""

    prefix: tuple[str, ...] = ()  # of the command line

    def __init__(self, sandbox, folder, code=ROOT, **environment):
        self.code = code
        self.data_dir = folder
        self.port = free_port(0)
        self.address = f"http://127.0.0.1:{self.port}"
        self._environment = {
            **os.environ,
            **environment_of(sandbox, self.address),
            "PORT": str(self.port),
            "DATA_DIR": str(folder),
            "SPT_NOENV": "1",  # let setproctitle keep /proc/<pid>/environ, in which processes_of finds DATA_DIR
            **{name.upper(): value for name, value in environment.items()},
        }

    def start(self):
        started_at = timezone.now()
        self.start_process()
        self.wait_until_healthy()
        wait_until(lambda: has_heartbeat_since(started_at))

    def start_process(self):
        with (self.data_dir / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, sys.executable, str(self.code / "manage.py"), "run"],
                cwd=self.code,
                env=self._environment,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=lambda: signal_on_parent_death(signal.SIGTERM),
            )

    def wait_until_healthy(self):
        try:
            wait_for_web(self.address)
        except TimeoutError as error:
            raise AssertionError(self.log()) from error

    def find(self, *arguments):
        try:
            return find_process(self.data_dir, *arguments)
        except ValueError:
            return None

    def is_healthy(self):
        try:
            return requests.get(f"{self.address}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def log(self):
        log = self.data_dir / "log"
        return log.read_text() if log.exists() else ""

    def wait_until_stopped(self):
        """Wait for its end; return the exit status and the processes that it has left."""
        status = self.process.wait(django_settings.RUN_STOP_SECONDS + 3)
        return status, processes_of(self.data_dir)


@pytest.fixture
def run(sandbox, tmp_path):
    running = Run(sandbox, tmp_path)
    try:
        running.start()
        yield running
    finally:
        kill_all(running)


def kill_all(run):
    for process in processes_of(run.data_dir):
        with suppress(psutil.NoSuchProcess):  # it ends when its parent does
            process.kill()
    run.process.wait()


def has_heartbeat_since(time):
    connection.close()
    return Lane.objects.filter(beat_at__gt=time).exists()


def are_all_sent():
    return set(statuses()) <= SENT


def are_in_flight():
    connection.close()
    return Notification.objects.filter(status="sending").count() >= 5


def book_and_wait_until_in_flight(sandbox):
    sandbox.client.set(message_seconds_min=2, message_seconds_max=4)
    book(BOOKINGS)
    wait_until(are_in_flight)


def sigterm_to_every_process(run):
    """As systemd does by default (KillMode=control-group)."""
    processes = processes_of(run.data_dir)
    random.shuffle(processes)
    for process in processes:
        process.send_signal(signal.SIGTERM)


def sigterm_to_the_process_group(run):
    """As supervisord does with stopasgroup, and make once more to its child."""
    os.killpg(run.process.pid, signal.SIGTERM)
    run.process.send_signal(signal.SIGTERM)


def ctrl_c(run):
    os.killpg(run.process.pid, signal.SIGINT)


def sigterm_to_the_main_process(run):
    run.process.send_signal(signal.SIGTERM)


@pytest.mark.parametrize(
    "stop", [sigterm_to_every_process, sigterm_to_the_process_group, ctrl_c, sigterm_to_the_main_process]
)
def test_run_that_is_stopped_finishes_messages_in_flight_and_leaves_no_process(run, sandbox, stop):
    book_and_wait_until_in_flight(sandbox)

    stop(run)
    status, processes_left = run.wait_until_stopped()

    assert (status, processes_left) == (0, []), run.log()
    assert "killing" not in run.log()
    assert set(statuses()) <= {"queued", *SENT}, statuses()
    assert set(accept_counts(sandbox)) <= {0, 1}

    run.start()
    wait_until(are_all_sent, 90)
    assert accept_counts(sandbox) == {1: MESSAGES}


def test_run_stopped_while_providers_are_silent_records_unknown_outcomes_in_time(run, sandbox):
    sandbox.client.set(message_seconds_min=120, message_seconds_max=120)
    book(BOOKINGS)
    wait_until(are_in_flight)

    run.process.send_signal(signal.SIGTERM)
    status, processes_left = run.wait_until_stopped()

    assert (status, processes_left) == (0, []), run.log()
    assert "killing" not in run.log()
    assert set(statuses()) <= {"queued", "unknown", "held"}
    assert statuses()["unknown"] + statuses()["held"] > 0


def test_runs_that_start_first_at_the_same_moment_share_one_prepared_database(sandbox):
    # Not below pytest's folder: it closes itself to other users, and PostgreSQL runs as one.
    with tempfile.TemporaryDirectory(prefix="daybook-runs-") as folder:
        runs = [Run(sandbox, Path(folder), database_url="") for _ in range(2)]
        try:
            for run in runs:
                run.start_process()
            for run in runs:
                wait_until(run.is_healthy, 120)
            started = "SELECT 1 FROM notifications_lane WHERE beat_at IS NOT NULL"
            wait_until(lambda: len(query(Path(folder), started)) == 2)
            lanes = query(Path(folder), "SELECT number FROM notifications_lane ORDER BY 1")
            for run in runs:
                run.process.terminate()
            assert [run.process.wait(60) for run in runs] == [0, 0], runs[0].log()
            assert processes_of(Path(folder)) == []
        finally:
            for run in runs:
                kill_all(run)

    assert lanes == [(0,), (1,)]


def query(data_dir, sql):
    session = psycopg2.connect(f"postgresql://postgres:@/daybook?host={data_dir / 'postgres'}")
    with session.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
    session.close()
    return rows


def capabilities(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return {line.split()[1] for line in status.splitlines() if line.startswith(("CapEff", "CapPrm", "CapBnd"))}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has these privileges")
def test_run_needs_no_privileges_of_root(sandbox, tmp_path):
    running = Run(sandbox, tmp_path)
    # The socket of the test database belongs to another user, so root may still open the files of others.
    running.prefix = ("setpriv", "--bounding-set=-all,+dac_override", "--inh-caps=-all", "--no-new-privs")
    try:
        running.start()
        book(BOOKINGS)
        wait_until(are_all_sent, 90)
        privileges = set().union(*map(capabilities, processes_of(running.data_dir)))
        running.process.terminate()
        stopped = running.wait_until_stopped()
    finally:
        kill_all(running)

    assert privileges == {f"{1 << 1:016x}"}  # CAP_DAC_OVERRIDE
    assert stopped == (0, [])


def test_killed_worker_is_restarted_and_the_website_keeps_running(run, sandbox):
    web = run.find("gunicorn")
    book_and_wait_until_in_flight(sandbox)
    killed = run.find("manage.py worker")

    killed.kill()
    wait_until(lambda: run.is_healthy() and run.find("manage.py worker") not in (None, killed))
    wait_until(are_all_sent, 90)

    assert accept_counts(sandbox) == {1: MESSAGES}
    assert run.find("gunicorn") == web
    assert "The worker was killed by SIGKILL; restarting it in 1 s" in run.log()


def test_killed_web_server_is_restarted_and_the_worker_keeps_running(run):
    worker = run.find("manage.py worker")
    web = run.find("gunicorn")

    web.kill()
    wait_until(lambda: run.find("gunicorn") not in (None, web))
    run.wait_until_healthy()

    assert run.find("manage.py worker") == worker
    assert "The web server was killed by SIGKILL; restarting it in 1 s" in run.log()


def test_killed_run_leaves_no_process_and_no_unknown_message(run, sandbox):
    book_and_wait_until_in_flight(sandbox)

    run.process.kill()
    run.process.wait()
    wait_until(lambda: not processes_of(run.data_dir))

    assert set(statuses()) <= {"queued", *SENT}, statuses()
    run.start()
    wait_until(are_all_sent, 90)
    assert accept_counts(sandbox) == {1: MESSAGES}


def test_main_processes_that_are_killed_together_leave_no_process(run):
    killed = [
        run.find("manage.py run"),
        run.find("manage.py worker"),
        run.find("gunicorn"),
        next(process for process in processes_of(run.data_dir) if has_arguments(process, "qcluster MainProcess")),
    ]

    for process in killed:
        process.kill()
    run.process.wait()

    wait_until(lambda: not processes_of(run.data_dir), 20)


def test_run_stopped_after_its_worker_was_killed_waits_for_what_the_worker_left(run, sandbox):
    book_and_wait_until_in_flight(sandbox)

    run.find("manage.py worker").kill()
    run.process.send_signal(signal.SIGTERM)
    status, processes_left = run.wait_until_stopped()

    assert (status, processes_left) == (0, []), run.log()
    assert "killing" not in run.log()
    assert set(statuses()) <= {"queued", *SENT}, statuses()


@pytest.fixture
def code_copy(tmp_path_factory):
    """A copy of the code, without what it does not need at run time."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "tests")
    return shutil.copytree(ROOT, tmp_path_factory.mktemp("code") / "daybook", ignore=ignored)


def snapshot(folder):
    """Return every path below the folder, with the time of its last change. Python writes no bytecode if it cannot."""
    paths = [path for path in folder.rglob("*") if path.name != "__pycache__" and path.parent.name != "__pycache__"]
    return {path: path.stat().st_mtime_ns for path in paths if path.is_file()}


def test_run_writes_nothing_beside_its_code(sandbox, tmp_path, code_copy):
    before = snapshot(code_copy)
    run = Run(sandbox, tmp_path, code_copy)
    try:
        run.start()
        book(2)
        requests.get(f"{run.address}/admin/login/", timeout=10).raise_for_status()
        requests.get(f"{run.address}/static/admin/css/base.css", timeout=10).raise_for_status()
        wait_until(lambda: statuses() and are_all_sent())
        run.process.terminate()
        assert run.wait_until_stopped() == (0, [])
    finally:
        kill_all(run)

    assert snapshot(code_copy) == before


def test_run_waits_for_a_port_that_an_earlier_run_still_uses(sandbox, tmp_path):
    run = Run(sandbox, tmp_path)
    with socket.create_server(("127.0.0.1", run.port)):
        starter = threading.Thread(target=run.start)
        starter.start()
        wait_until(lambda: f"Waiting for port {run.port}" in run.log())
    try:
        starter.join()
        assert run.is_healthy()
    finally:
        kill_all(run)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"SECRET_KEY": "short", "DEBUG": "0"}, "SECRET_KEY is missing or weak"),
        ({"DATA_DIR": "/proc/daybook"}, "DATA_DIR cannot be created"),
        ({"PORT": "http"}, "PORT is not valid"),
    ],
)
def test_run_with_bad_settings_fails_with_one_message(sandbox, tmp_path, setting, message):
    environment = {**os.environ, **environment_of(sandbox, "http://127.0.0.1"), "DATA_DIR": str(tmp_path), **setting}

    result = subprocess.run(
        [sys.executable, "manage.py", "run"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30
    )

    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
