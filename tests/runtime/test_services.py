import subprocess
import sys

import pytest
from django.conf import settings

from runtime import services
from runtime.processes import ROOT
from runtime.services import Service, describe_end
from tests.daybook_processes import wait_until

FAILING_COMMAND = [sys.executable, "-c", "raise SystemExit(3)"]


@pytest.fixture
def clock(monkeypatch):
    """The time in seconds that services see."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(services, "time", clock)
    return clock


def restart_delay(service, clock):
    """Let the process of the service end; return the delay until it is started again."""
    ended = service.process
    ended.wait()
    service.restart_if_ended()
    start = clock.now
    while service.process is ended:
        clock.now += 0.5
        service.restart_if_ended()
    return clock.now - start


def test_service_is_restarted_with_a_growing_delay(clock):
    service = Service("The worker", FAILING_COMMAND)

    delays = [restart_delay(service, clock) for _ in range(6)]

    service.process.wait()
    assert delays == [1, 2, 4, 8, 10, 10]


def test_delay_starts_again_after_a_stable_minute(clock):
    service = Service("The worker", FAILING_COMMAND)
    restart_delay(service, clock)
    restart_delay(service, clock)
    service.process.wait()
    clock.now += 60

    delays = [restart_delay(service, clock) for _ in range(2)]

    service.process.wait()
    assert delays == [1, 2]


def test_cause_of_each_restart_is_logged(clock, caplog):
    service = Service("The worker", FAILING_COMMAND)

    restart_delay(service, clock)

    service.process.wait()
    assert [record.getMessage() for record in caplog.records] == [
        "The worker exited with status 3; restarting it in 1 s"
    ]


def test_service_that_cannot_be_started_is_tried_again(clock, caplog, monkeypatch):
    service = Service("The worker", FAILING_COMMAND)
    ended = service.process
    ended.wait()
    with monkeypatch.context() as patch:
        patch.setattr(services, "start", fail_for_want_of_memory)
        service.restart_if_ended()
        clock.now += 1
        service.restart_if_ended()

    clock.now += 2
    service.restart_if_ended()

    service.process.wait()
    assert service.process is not ended
    assert [record.getMessage() for record in caplog.records] == [
        "The worker exited with status 3; restarting it in 1 s",
        "The worker could not be started (Cannot allocate memory); restarting it in 2 s",
    ]


def fail_for_want_of_memory(*args):
    raise OSError("Cannot allocate memory")


@pytest.mark.parametrize(
    ("code", "description"),
    [
        ("raise SystemExit(0)", "exited with status 0"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("import os; os.kill(os.getpid(), 15)", "was killed by SIGTERM"),
    ],
)
def test_end_of_a_process_is_described(code, description):
    process = subprocess.Popen([sys.executable, "-c", code])
    process.wait()

    assert describe_end(process) == description


CHILD_IN_ITS_SESSION = """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], process_group=0)
"""


def test_what_a_process_leaves_behind_is_killed_after_its_grace_period(clock):
    service = Service("The worker", [sys.executable, "-c", CHILD_IN_ITS_SESSION])
    service.process.wait()
    service.restart_if_ended()
    service.kill_overdue()
    (child,) = service.remaining_processes()

    clock.now += settings.RUN_STOP_SECONDS + 1
    service.kill_overdue()

    wait_until(lambda: service.remaining_processes() == [])
    assert not child.is_running() or child.status() == "zombie"


REAP = """
import ctypes, psutil, subprocess, sys
from runtime.services import _reap_orphans
from tests.threads import wait_until

def children():
    return [child.pid for child in psutil.Process().children()]

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # we inherit orphans, as the first process of a container does
service = subprocess.Popen(["sleep", "60"])
subprocess.run(["sh", "-c", "sleep 0.3 & sleep 0.3 & exit"])
print(len(children()))
wait_until(lambda: _reap_orphans({service.pid}) or children() == [service.pid])
service.terminate()
wait_until(lambda: psutil.Process(service.pid).status() == psutil.STATUS_ZOMBIE)
_reap_orphans({service.pid})
print(service.wait())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_orphans_are_reaped_and_the_status_of_a_service_is_left_to_it():
    result = subprocess.run([sys.executable, "-c", REAP], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert result.stdout.split() == ["3", "-15"], result.stderr
