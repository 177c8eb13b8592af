"""Child processes that stop when their parent dies, and their graceful stop."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType

import psutil
import requests
from django.conf import settings

from runtime.environment import BASE_DIR

ROOT = BASE_DIR
START_SECONDS = 30
POLL_SECONDS = 0.2
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def manage_command(*arguments: str) -> list[str]:
    """Return the command line of ``manage.py``."""
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def web_server_command(*, port: int, workers: int, threads: int) -> list[str]:
    """Return the command line of gunicorn on loopback."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi",
        "--worker-class=runtime.web_worker.WebWorker",
        f"--workers={workers}",
        f"--threads={threads}",
        f"--bind=127.0.0.1:{port}",
        "--timeout=30",
        f"--graceful-timeout={settings.WEB_STOP_SECONDS}",
        "--forwarder-headers=",  # otherwise a client behind a proxy on this host could set SCRIPT_NAME
        "--no-control-socket",  # all servers of a user would share its path
        "--max-requests=5000",
        "--max-requests-jitter=500",
        "--log-level=warning",
    ]


def wait_for_web(base_url: str) -> None:
    """Return once the web server at ``base_url`` is healthy. Raises TimeoutError after START_SECONDS."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            if requests.get(f"{base_url}/healthz", timeout=5).ok:
                return
        except requests.RequestException:  # gunicorn listens before its processes have loaded their code
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{base_url} did not respond within {START_SECONDS} s. See its output above.")


def start(
    command: list[str],
    environment: dict[str, str] | None = None,
    log: Path | None = None,
    *,
    own_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a process that gets SIGTERM when this process dies. Its output goes to ``log``, if given.

    It has its own session, which Ctrl-C does not reach and by which all its descendants can be found, or at least its
    own process group.
    """
    with log.open("ab") if log else nullcontext() as output:
        return subprocess.Popen(  # noqa: S603 - the commands above
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=output,
            start_new_session=own_session,
            process_group=None if own_session else 0,
            preexec_fn=lambda: signal_on_parent_death(signal.SIGTERM),
        )


def signal_on_parent_death(number: signal.Signals) -> None:
    """Let the kernel send this signal to the calling process, which was just forked, when its parent dies."""
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, number)


def stop(*processes: subprocess.Popen[bytes], seconds: float | None = None) -> None:
    """Ask the processes to stop, wait up to RUN_STOP_SECONDS for all of them, then kill what is left of the groups."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    end = time.monotonic() + (settings.RUN_STOP_SECONDS if seconds is None else seconds)
    for process in processes:
        try:
            process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"{process.args!r} did not stop in time: killing it.\n")
        kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill every process of the group: a main process that died leaves its children behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def processes_in_session(session: int) -> list[psutil.Process]:
    """Return the running processes of the session, also after the process that began it has died."""
    return [process for process in psutil.process_iter() if _session(process) == session]


def _session(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getsid(process.pid)
    except (psutil.NoSuchProcess, ProcessLookupError, PermissionError):
        return None


def free_port(preferred: int) -> int:
    """Return ``preferred`` if nothing listens there, otherwise a port that the system picks."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("No free port on 127.0.0.1.")


class Processes:
    """Processes that run together. When the block ends, they are stopped at the same time."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Processes:
        interrupt_on_signals()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stop(*self._running)

    def start(
        self, command: list[str], environment: dict[str, str] | None = None, log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        self._running.append(start(command, environment, log))
        return self._running[-1]

    def wait(self) -> None:
        """Return as soon as one of the processes has ended."""
        while all(process.poll() is None for process in self._running):
            time.sleep(0.5)


def interrupt_on_signals() -> None:
    """Turn the first SIGTERM, Ctrl-C or hang-up into KeyboardInterrupt, and ignore all further ones.

    ``make`` and service managers often send two. An ignored Ctrl-C is handled too: a shell ignores it for its jobs in
    the background.
    """
    on_stop_signals(_interrupt_once)


def _interrupt_once() -> None:
    on_stop_signals(lambda: None)
    raise KeyboardInterrupt


def on_stop_signals(action: Callable[[], None]) -> None:
    """Call ``action`` for every SIGTERM, SIGINT, and SIGHUP unless nohup made this process ignore it."""
    numbers = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, lambda *_: action())


class StopRequest:
    """Whether this process was asked to stop. Further signals change nothing."""

    def __init__(self) -> None:
        self.is_received = False
        self._is_interrupting = False
        on_stop_signals(self._receive)

    def _receive(self) -> None:
        self.is_received = True
        if self._is_interrupting:
            raise KeyboardInterrupt

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Let the request raise KeyboardInterrupt inside the block: it may wait for long, and may be left anywhere."""
        self._is_interrupting = True
        try:
            if self.is_received:
                raise KeyboardInterrupt
            yield
        finally:
            self._is_interrupting = False

    def wait(self, seconds: float) -> bool:
        """Wait for the request for up to ``seconds``; return whether it was received."""
        end = time.monotonic() + seconds
        while not self.is_received and time.monotonic() < end:
            time.sleep(min(POLL_SECONDS, seconds))
        return self.is_received
