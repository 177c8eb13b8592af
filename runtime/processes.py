"""Child processes that never outlive their parent, and their graceful shutdown."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType

import requests

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30
GRACE_SECONDS = 40  # longer than any delivery attempt: a stopping worker waits for those in flight
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
        "--worker-class=gthread",
        f"--workers={workers}",
        f"--threads={threads}",
        f"--bind=127.0.0.1:{port}",
        "--timeout=30",
        "--graceful-timeout=25",
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
    command: list[str], environment: dict[str, str] | None = None, log: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that gets SIGTERM if this process dies. Its output goes to ``log``, if given.

    It has its own session: a SIGTERM to a whole group makes django-q2 hang, so ``stop`` signals one process only.
    """
    with log.open("ab") if log else nullcontext() as output:
        return subprocess.Popen(  # noqa: S603 - the commands above
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_terminate_with_parent,
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to stop, wait up to GRACE_SECONDS, then kill what is left of its group."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"{process.args!r} did not stop within {GRACE_SECONDS} s: killing it.\n")
    kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill every process of the group: a worker whose main process died leaves its children behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _terminate_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


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
    """Processes that run together. When the block ends, they are stopped in reverse order."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Processes:
        interrupt_on_signals()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self._running):
            stop(process)

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
    """Turn SIGTERM and Ctrl-C into KeyboardInterrupt, even where a shell made this process ignore them."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
