"""The services of ``manage.py run``: each is restarted on its own, with backoff."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import time

import psutil
from django.conf import settings

from runtime.processes import POLL_SECONDS, StopRequest, processes_in_session, start

FIRST_DELAY_SECONDS = 1.0
MAX_DELAY_SECONDS = 10.0
STABLE_SECONDS = 60.0  # after which the delay starts from the beginning

log = logging.getLogger(__name__)


class Service:
    """A process that is started again whenever it ends."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._delay = FIRST_DELAY_SECONDS
        self._sessions: dict[int, float] = {}  # of earlier processes that left children; until when they may finish
        self._restart_at: float | None = None
        self.start()

    def start(self) -> None:
        self.process = start(self._command, self._environment)
        self._started_at = time.monotonic()
        self._restart_at = None

    def restart_if_ended(self) -> None:
        """Restart the process once its delay is over. Its children finish their work on their own meanwhile."""
        now = time.monotonic()
        if self._restart_at is not None:
            if now >= self._restart_at:
                self._restart()
        elif self.process.poll() is not None:
            if now - self._started_at >= STABLE_SECONDS:
                self._delay = FIRST_DELAY_SECONDS
            self._sessions[self.process.pid] = now + settings.RUN_STOP_SECONDS
            self._restart_later(describe_end(self.process))

    def _restart(self) -> None:
        try:
            self.start()
        except OSError as error:  # for want of memory or processes, for example: the other service must go on
            self._restart_later(f"could not be started ({error})")

    def _restart_later(self, cause: str) -> None:
        log.error("%s %s; restarting it in %g s", self.name, cause, self._delay)
        self._restart_at = time.monotonic() + self._delay
        self._delay = min(2 * self._delay, MAX_DELAY_SECONDS)

    def kill_overdue(self) -> None:
        """Kill what earlier processes left behind and has not finished in time."""
        for session, deadline in list(self._sessions.items()):
            children = processes_in_session(session)
            if time.monotonic() > deadline:
                kill_all(self.name, children)
            elif not children:
                del self._sessions[session]

    def remaining_processes(self) -> list[psutil.Process]:
        """Return all running processes of this service."""
        return [process for session in {self.process.pid, *self._sessions} for process in processes_in_session(session)]


def supervise(services: list[Service], stop_request: StopRequest) -> None:
    """Restart the services that end, until this process is asked to stop."""
    while not stop_request.wait(POLL_SECONDS):
        _reap_orphans({service.process.pid for service in services})
        for service in services:
            service.restart_if_ended()
            service.kill_overdue()


def stop_services(services: list[Service]) -> None:
    """Stop all services at the same time; kill what is left after RUN_STOP_SECONDS."""
    deadline = time.monotonic() + settings.RUN_STOP_SECONDS
    for service in services:
        if service.process.poll() is None:
            service.process.terminate()
    for service in services:
        while remaining := service.remaining_processes():
            if time.monotonic() > deadline:
                kill_all(service.name, remaining)
            service.process.poll()
            time.sleep(POLL_SECONDS)


def describe_end(process: subprocess.Popen[bytes]) -> str:
    """Return how the process ended: its exit status, or the signal that killed it."""
    status = process.returncode
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"


def kill_all(name: str, processes: list[psutil.Process]) -> None:
    log.error("%s: killing %d processes that did not stop in time", name, len(processes))
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _reap_orphans(own: set[int]) -> None:
    """Reap the children that are not ours. As a container's first process, ``run`` inherits all orphans."""
    try:
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in own:
                return  # its service handles it; the others are reaped in the next round
            os.waitpid(ended.si_pid, 0)
    except ChildProcessError:
        return
