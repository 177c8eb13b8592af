"""Run Daybook as deployed, with web server and worker, on a scratch database and a sandbox."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from django.conf import settings

from demo.management.commands.seed_demo import PASSWORD
from runtime.processes import START_SECONDS, manage_command, start, stop, wait_for_web, web_server_command
from sandbox.process import RunningSandbox

PORT = 8123
PROMPT_SECONDS, PROMPT_RESPONSES = 0.1, 10
START_TIME = time.monotonic()
# All customers share one client address, so these limits are raised; uses are still counted.
LIMITS = [
    "LIMIT_REQUESTS_PER_MINUTE",
    "LIMIT_BOOKINGS_PER_HOUR",
    "LIMIT_BOOKING_ACCESS_PER_MINUTE",
    "LIMIT_OPEN_HOLDS_PER_NUMBER",
    "LIMIT_OPEN_BOOKINGS_PER_CLIENT",
    "LIMIT_OPEN_BOOKINGS_PER_NUMBER",
    "LIMIT_MESSAGES_PER_NUMBER",
    "LIMIT_EMAILS_PER_ADDRESS",
    "LIMIT_MESSAGES_AT_HOME",
]


@dataclass(frozen=True)
class Daybook:
    base: str
    sandbox: RunningSandbox
    web: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]
    staff: dict[str, str]  # the headers of a user who may confirm and complete


@contextmanager
def running_daybook(database_url: str, sandbox: RunningSandbox) -> Iterator[Daybook]:
    """Start both processes, yield once the web server responds, and stop them afterwards."""
    base = f"http://127.0.0.1:{PORT}"
    environment = {
        **sandbox.environment,
        "DATABASE_URL": database_url,
        "PORT": str(PORT),
        "PUBLIC_BASE_URL": base,
        **dict.fromkeys(LIMITS, "10000000"),
        "DEBUG": "0",
        "SECOND_FACTOR_REQUIRED": "0",  # the benchmark signs in as a user without one
        "SECRET_KEY": secrets.token_urlsafe(50),
    }
    command = web_server_command(port=PORT, workers=settings.WEB_WORKERS, threads=settings.WEB_THREADS)
    with running(command, environment) as web, running(manage_command("worker"), environment) as worker:
        wait_for_web(base)
        yield Daybook(base, sandbox, web, worker, _sign_in(base))


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = start(command, environment)
    try:
        yield process
    finally:
        stop(process)


def wait_until_responsive(base: str) -> None:
    """Wait until the server has processed abandoned requests, that is, responds promptly several times in a row."""
    deadline, prompt_responses = time.monotonic() + START_SECONDS, 0
    while prompt_responses < PROMPT_RESPONSES and time.monotonic() < deadline:
        try:
            is_prompt = requests.get(f"{base}/healthz", timeout=5).elapsed.total_seconds() < PROMPT_SECONDS
        except requests.RequestException:
            is_prompt = False
        prompt_responses = prompt_responses + 1 if is_prompt else 0
        time.sleep(0.02)


def progress(text: str) -> None:
    """Print a line about the current phase, with the time since the start."""
    print(f"{time.monotonic() - START_TIME:>5.0f} s  {text}", flush=True)


def _sign_in(base: str) -> dict[str, str]:
    response = requests.post(f"{base}/auth/token", json={"username": "frontdesk", "password": PASSWORD}, timeout=10)
    return {"Authorization": f"Bearer {response.json()['token']}"}
