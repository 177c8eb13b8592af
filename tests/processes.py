"""Daybook's processes on the test database and the sandbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psutil
from django.db import connection

from runtime.processes import kill_group
from sandbox.process import RunningSandbox


@dataclass(frozen=True)
class RunningWeb:
    """gunicorn on the test database and the sandbox."""

    address: str
    process: Any

    def kill_workers(self) -> None:
        """Kill the web processes with SIGKILL; gunicorn starts new ones."""
        for worker in psutil.Process(self.process.pid).children():
            worker.kill()


def environment_of(sandbox: RunningSandbox, public_base_url: str) -> dict[str, str]:
    """Return the environment for processes of Daybook that use the test database and the sandbox."""
    return {**sandbox.environment, "DATABASE_URL": database_url(), "PUBLIC_BASE_URL": public_base_url}


def kill_worker(process: Any) -> None:
    """``kill -9`` the worker and all processes that it started."""
    family = [process]
    if psutil.pid_exists(process.pid):
        family += psutil.Process(process.pid).children(recursive=True)
    for member in family:
        try:
            psutil.Process(member.pid).kill()
        except psutil.NoSuchProcess:
            continue
    kill_group(process)


def database_url() -> str:
    """Return the URL of the test database, for child processes."""
    database = connection.settings_dict
    host = database["OPTIONS"].get("host") or database["HOST"]
    return f"postgresql://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}?host={host}"
