"""A client that sends a request, is disconnected, sends it again, and logs every response."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import requests

MAX_WAIT_SECONDS = 60
CUT_AFTER_SECONDS = 0.03  # long enough to read the request, too short to carry out most of them
CUT_SHARE, LOSS_SHARE = 0.1, 0.2  # of requests cut off early, and of responses lost after the commit
SERVICE_UNAVAILABLE = 503
# The errors that a faster client causes; the request is repeated after the first.
IN_PROGRESS = "request_in_progress"
CONFLICTS = {"slot_taken", "invalid_transition", "paid_too_late"}


class ResponseLog:
    """The responses to all clients, by path, and every unexplained response."""

    def __init__(self) -> None:
        self.responses: Counter[tuple[str, str]] = Counter()
        self.unexplained: list[str] = []
        self.cut = self.lost = self.received = self.unavailable = self.unequal_replays = 0
        self.keys: set[str] = set()
        self._lock = threading.Lock()

    def record(self, path: str, response: requests.Response) -> None:
        code = "" if response.ok else _code(response)
        with self._lock:
            self.responses[path, code or str(response.status_code)] += 1
            if not response.ok and not (response.status_code == 409 and code in CONFLICTS):
                self.unexplained.append(f"{path}: {response.status_code} {response.text[:200]}")

    def record_key(self, key: str) -> None:
        with self._lock:
            self.keys.add(key)

    def record_replay(self, first: bytes, second: requests.Response) -> None:
        with self._lock:
            self.unequal_replays += first != second.content

    def record_cut(self) -> None:
        with self._lock:
            self.cut += 1

    def record_unavailable(self) -> None:
        with self._lock:
            self.unavailable += 1

    def record_arrival(self, *, is_lost: bool) -> None:
        """Record whether the client received the response to a request that was carried out."""
        with self._lock:
            self.lost += is_lost
            self.received += not is_lost

    @property
    def loss_share(self) -> float:
        """The share of those responses that was lost."""
        return self.lost / max(self.lost + self.received, 1)

    def record_unexplained(self, text: str) -> None:
        with self._lock:
            self.unexplained.append(text)


class Client:
    """A customer or the front desk, on an unreliable connection. Each thread has its own."""

    def __init__(self, base: str, response_log: ResponseLog, *, seed: int) -> None:
        self.base = base
        self.response_log = response_log
        self.rng = random.Random(seed)
        self._http = requests.Session()

    def send(
        self, path: str, method: str, url: str, *, is_unreliable: bool = False, **request: Any
    ) -> requests.Response:
        """Send until there is a response; retry while the database is unavailable.

        If the connection ``is_unreliable``, some requests are cut off before they are carried out, and some responses,
        which the server sent after its commit, are lost.
        """
        end = time.monotonic() + MAX_WAIT_SECONDS
        while True:
            is_cut = is_unreliable and self.rng.random() < CUT_SHARE
            try:
                response = self._http.request(
                    method, self.base + url, timeout=(5, CUT_AFTER_SECONDS) if is_cut else 30, **request
                )
            except requests.RequestException:
                if is_cut:
                    self.response_log.record_cut()
            else:
                is_lost = is_unreliable and response.ok and self.rng.random() < LOSS_SHARE
                if is_unreliable and response.ok:
                    self.response_log.record_arrival(is_lost=is_lost)
                if response.status_code == SERVICE_UNAVAILABLE:
                    self.response_log.record_unavailable()
                elif _code(response) != IN_PROGRESS and not is_lost:
                    self.response_log.record(path, response)
                    return response
            if time.monotonic() > end:
                raise TimeoutError(f"No response to {method} {url} for {MAX_WAIT_SECONDS} s")
            time.sleep(self.rng.uniform(0.02, 0.2))

    def book(self, path: str, body: dict[str, Any], *, url: str = "/bookings/") -> requests.Response:
        """Book under an Idempotency-Key until a response arrives; sometimes repeat it, also with another body."""
        key = uuid4().hex
        body = {**body, "notes": key}
        headers = {"Idempotency-Key": key}
        response = self.send(path, "POST", url, is_unreliable=True, json=body, headers=headers)
        if response.ok:
            self.response_log.record_key(key)
            if self.rng.random() < 0.2:
                self.response_log.record_replay(
                    response.content, self.send("replay", "POST", url, json=body, headers=headers)
                )
            if self.rng.random() < 0.1:
                self._expect_other_body_refused(url, body, headers)
        return response

    def _expect_other_body_refused(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        for _ in range(100):
            try:
                other = self._http.post(self.base + url, json={**body, "notes": "other"}, headers=headers, timeout=30)
            except requests.RequestException:
                continue
            if other.status_code == SERVICE_UNAVAILABLE:
                time.sleep(0.1)
                continue
            if _code(other) != "idempotency_key_reused":
                self.response_log.record_unexplained(
                    f"another body under one key: {other.status_code} {other.text[:200]}"
                )
            return


def _code(response: requests.Response) -> str:
    is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
    return str(response.json().get("code", "")) if is_problem else ""
