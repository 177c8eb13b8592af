"""Run the worker, which drains the lanes in processes of their own, with a real mail server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.processes import manage_command, start, stop
from tests.processes import database_url, kill_worker


@contextmanager
def running_worker(environment: dict[str, str]) -> Iterator[None]:
    """Run ``manage.py worker`` on the test database; stop it gracefully."""
    process = start(manage_command("worker"), {"DATABASE_URL": database_url(), **environment})
    try:
        yield
        stop(process)
    finally:
        kill_worker(process)
