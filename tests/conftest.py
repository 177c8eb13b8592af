"""Shared fixtures: API clients, signed-in staff, a sandbox, and processes of Daybook."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from rest_framework.test import APIClient

from foundation.rate_limits.rate_limit import RateLimit
from notifications.delivery.senders import SENDERS
from notifications.providers.twilio.client import get_client
from payments.gateway import deadline
from payments.gateway.deadline import circuit_breaker
from runtime.processes import free_port, manage_command, start, stop, wait_for_web, web_server_command
from sandbox.process import RunningSandbox, running_sandbox
from tests.builders.accounts import FastPasswordHasher, make_staff, sign_in_staff
from tests.page_check import PagesFollowPolicy
from tests.processes import RunningWeb, environment_of, kill_worker
from tests.schema_check import DEVIATIONS, ResponsesMatchSchema


@pytest.fixture(autouse=True, scope="session")
def fast_password_hasher() -> Iterator[None]:
    hasher = f"{FastPasswordHasher.__module__}.{FastPasswordHasher.__qualname__}"
    with override_settings(PASSWORD_HASHERS=[hasher]):
        yield


@pytest.fixture(autouse=True, scope="session")
def schema_check() -> Iterator[None]:
    checks = [f"{check.__module__}.{check.__qualname__}" for check in (ResponsesMatchSchema, PagesFollowPolicy)]
    with override_settings(MIDDLEWARE=[*checks, *settings.MIDDLEWARE]):
        yield


@pytest.fixture(autouse=True)
def responses_match_schema() -> Iterator[None]:
    DEVIATIONS.clear()
    yield
    assert DEVIATIONS == []


@pytest.fixture(autouse=True)
def generous_deadline(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give gateway calls more time than a busy machine needs, except in tests marked ``short_deadline``."""
    if request.node.get_closest_marker("short_deadline") is None:
        for name in ("DEADLINE_SECONDS", "CONNECT_SECONDS", "READ_SECONDS"):
            monkeypatch.setattr(deadline, name, 10.0)


@pytest.fixture
def one_minute(db: None) -> None:
    """Let the requests of a test count in one window: if a minute ends in a moment, wait for the next one."""
    seconds_left = RateLimit("any", 1, seconds=60).seconds_until_reset()
    if seconds_left <= 3:
        time.sleep(seconds_left + 0.5)  # the number is rounded


@pytest.fixture
def api() -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.fixture
def desk(db: None) -> APIClient:
    """An API client authenticated as a front-desk user."""
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(make_staff())
    return client


@pytest.fixture
def front_desk(db: None) -> Client:
    """A client that is signed in as a front-desk user."""
    return sign_in_staff("Front desk")


@pytest.fixture
def manager(db: None) -> Client:
    """A client that is signed in as a manager."""
    return sign_in_staff("Managers")


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[RunningSandbox]:
    with running_sandbox(message_seconds_min=0, message_seconds_max=0.05, gateway_seconds_max=0.06) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: RunningSandbox, settings: Any) -> Iterator[RunningSandbox]:
    """A sandbox without faults that simulates the providers of this process."""
    settings.TWILIO_API_BASE_URL = settings.RAZORPAY_API_BASE_URL = sandbox_process.http_url
    settings.EMAIL_HOST, settings.EMAIL_PORT = sandbox_process.smtp_host, sandbox_process.smtp_port
    sandbox_process.client.reset_settings()
    get_client.cache_clear()
    circuit_breaker.record_success()
    yield sandbox_process
    SENDERS.wait()  # what is in flight must not write into the next test
    get_client.cache_clear()


@pytest.fixture
def web(running_web: RunningWeb) -> str:
    """The address of a running web server."""
    return running_web.address


@pytest.fixture
def running_web(sandbox: RunningSandbox, transactional_db: None) -> Iterator[RunningWeb]:
    port = free_port(0)
    address = f"http://127.0.0.1:{port}"
    process = start(web_server_command(port=port, workers=2, threads=8), environment_of(sandbox, address))
    wait_for_web(address)
    yield RunningWeb(address, process)
    stop(process)


@pytest.fixture
def start_worker(sandbox: RunningSandbox) -> Iterator[Callable[[str], Any]]:
    """Start ``manage.py worker`` on the test database and the sandbox; kill it afterwards."""
    running = []

    def start_one(public_base_url: str) -> Any:
        running.append(start(manage_command("worker"), environment_of(sandbox, public_base_url)))
        return running[-1]

    yield start_one
    for process in running:
        kill_worker(process)
