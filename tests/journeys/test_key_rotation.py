"""A rehearsal of docs/how-to/rotate-the-secret-key.md under load, with the processes of two hosts."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django_q.models import OrmQ

from accounts.operations import create_staff_token
from foundation.job_queue import queue_job
from notifications.jobs import prepare_lanes
from notifications.models import Notification
from runtime.processes import free_port, manage_command, start, stop, wait_for_web, web_server_command
from tests.builders.accounts import make_staff
from tests.builders.bookings import CUSTOMER, booking_request, make_service, slot
from tests.daybook_processes import accept_counts, wait_until
from tests.processes import environment_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

OLD_KEY, NEW_KEY = settings.SECRET_KEY, "the new key zyxwvutsrqponmlkjihgfedcba"
CLIENTS = 4
SENT = ["accepted", "delivered", "read"]


@dataclass
class Host:
    """The processes of one host, with their keys."""

    sandbox: Any
    key: str
    fallback: str
    log: Path
    port: int = field(default_factory=lambda: free_port(0))
    processes: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start_web(self) -> None:
        self._start(web_server_command(port=self.port, workers=1, threads=8))
        wait_for_web(self.url)

    def start_worker(self) -> None:
        self._start(manage_command("worker"))

    def stop(self) -> None:
        stop(*self.processes)

    def _start(self, command: list[str]) -> None:
        keys = {"SECRET_KEY": self.key, "SECRET_KEY_FALLBACKS": self.fallback}
        self.processes.append(start(command, {**environment_of(self.sandbox, self.url), **keys}, self.log))


@pytest.fixture
def make_host(sandbox: Any, tmp_path: Path) -> Iterator[Callable[[str, str], Host]]:
    hosts: list[Host] = []

    def make(key: str, fallback: str) -> Host:
        hosts.append(Host(sandbox, key, fallback, tmp_path / f"{len(hosts)}.log"))
        return hosts[-1]

    yield make
    for host in hosts:
        host.stop()


def browser_of(user: User) -> requests.Session:
    """Return a browser in which the user is signed in. Django renews its cookie when the key has changed."""
    client, browser = Client(), requests.Session()
    client.force_login(user)
    browser.cookies.set(settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value)
    return browser


class Load:
    """Clients that book, repeat each request on any host, and use their sign-ins and links; they note what fails."""

    def __init__(self, service: Any, urls: list[str]) -> None:
        token = create_staff_token(user=make_staff()).token
        self.staff = {"Authorization": f"Bearer {token}"}
        manager = make_staff("manager", group="Managers")
        self.browsers = [browser_of(manager) for _ in range(CLIENTS)]
        self.service, self.urls = service, urls
        self.failures: list[str] = []
        self.sent: list[tuple[dict[str, Any], str, bytes]] = []  # body, idempotency key and response
        self._numbers = itertools.count()
        self._is_over = threading.Event()

    def __enter__(self) -> Load:
        self._threads = ThreadPoolExecutor(CLIENTS)
        self._clients = [self._threads.submit(self._run, browser) for browser in self.browsers]
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._threads.shutdown()
        for client in self._clients:
            client.result()

    def _run(self, browser: requests.Session) -> None:
        while not self._is_over.is_set():
            number = next(self._numbers)
            customer = {**CUSTOMER, "name": f"Customer {number}", "email": f"customer{number}@example.com"}
            starts_at = slot(days=1 + number // 16, hour=9 + number % 16 // 2, minute=number % 2 * 30)
            body = booking_request(self.service, customer=customer, starts_at=starts_at.isoformat())
            key = str(uuid4())
            sent = (body, key, self.post(body, key).content)
            self.sent.append(sent)
            self.use(browser, *sent)

    def use(self, browser: requests.Session, body: dict[str, Any], key: str, first: bytes) -> None:
        """Repeat a request on every host, and open what it has given access to."""
        for url in [*self.urls]:
            replay = self.post(body, key, url)
            self._check("replay", replay.content == first and "Idempotent-Replayed" in replay.headers, replay)
            booking = replay.json()
            link = {"X-Booking-Token": booking["manage_token"]}
            self._check_get(requests.get, f"{url}/bookings/{booking['id']}", headers=link)
            self._check_get(requests.get, f"{url}/bookings/", headers=self.staff)
            self._check_get(browser.get, f"{url}/admin/")

    def post(self, body: dict[str, Any], key: str, url: str = "") -> requests.Response:
        response = requests.post(
            f"{url or self.urls[-1]}/bookings/", json=body, headers={"Idempotency-Key": key}, timeout=30
        )
        self._check("booking", response.status_code == 201, response)
        return response

    def _check_get(self, get: Callable[..., requests.Response], url: str, **credentials: Any) -> None:
        response = get(url, timeout=30, allow_redirects=False, **credentials)
        self._check(url, response.status_code == 200, response)

    def _check(self, name: str, is_ok: bool, response: requests.Response) -> None:
        if not is_ok:
            self.failures.append(f"{name}: {response.status_code} {response.text[:200]}")


def test_rotation_under_load_keeps_sign_ins_queued_work_replays_and_manage_tokens(make_host, sandbox):
    old, new = make_host(OLD_KEY, NEW_KEY), make_host(NEW_KEY, OLD_KEY)
    prepare_lanes()
    old.start_web()
    load = Load(make_service(resources=2), [old.url])
    with load:
        wait_until(lambda: len(load.sent) >= 10)
        queued_by_old_key = OrmQ.objects.count()
        new.start_web()
        load.urls.append(new.url)  # both hosts serve, each with its own current key
        before = len(load.sent)
        wait_until(lambda: len(load.sent) >= before + 10)
        new.start_worker()
        load.urls.remove(old.url)
        old_stops = threading.Timer(1, old.stop)  # after the requests that are on their way
        old_stops.start()
        wait_until(lambda: len(load.sent) >= before + 20)
    old_stops.join()
    for sent in load.sent:
        load.use(load.browsers[0], *sent)
    wait_until(lambda: not Notification.objects.exclude(status__in=SENT).exists(), 60)

    assert load.failures == []
    assert queued_by_old_key > 0
    assert "Deleted" not in new.log.read_text()  # the worker with the new key runs what the old one has signed
    assert set(accept_counts(sandbox)) == {1}


def test_queued_work_is_deleted_once_the_old_key_is_gone(make_host):
    """The sibling of the rehearsal: what it asserts to be absent from the log would be there."""
    queue_job("drain", 0)
    new = make_host(NEW_KEY, "")

    new.start_worker()

    wait_until(lambda: "Deleted 1 queued jobs" in new.log.read_text())
