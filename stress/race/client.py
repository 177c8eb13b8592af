"""A client on an unreliable connection, which repeats its requests and logs every response."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import requests

MAX_WAIT_SECONDS = 120  # each kill may leave the lock of an idempotency key, for 20 s
CUT_AFTER_SECONDS = 0.03  # the server can read a request in this time, but rarely carry it out
CUT_SHARE, LOSS_SHARE = 0.1, 0.2  # of requests cut off early, and of responses lost after the commit
SERVICE_UNAVAILABLE = 503
# The errors that another client may cause. After IN_PROGRESS the request is repeated.
IN_PROGRESS = "request_in_progress"
CONFLICTS = {"slot_taken", "invalid_transition", "paid_too_late"}


class ResponseLog:
    """The number of responses by path and result, and every unexplained response."""

    def __init__(self) -> None:
        self.responses: Counter[tuple[str, str]] = Counter()
        self.unexplained_responses: list[str] = []
        self.cut_count = self.lost_count = self.received_count = self.unavailable_count = self.unequal_replays = 0
        self.acknowledged_keys: set[str] = set()
        self._lock = threading.Lock()

    def record(self, path: str, response: requests.Response) -> None:
        code = "" if response.ok else _problem_code(response)
        with self._lock:
            self.responses[path, code or str(response.status_code)] += 1
            if not response.ok and not (response.status_code == 409 and code in CONFLICTS):
                self.unexplained_responses.append(f"{path}: {response.status_code} {response.text[:200]}")

    def record_acknowledged_key(self, key: str) -> None:
        with self._lock:
            self.acknowledged_keys.add(key)

    def record_replay(self, first: bytes, second: requests.Response) -> None:
        with self._lock:
            self.unequal_replays += first != second.content

    def record_cut(self) -> None:
        with self._lock:
            self.cut_count += 1

    def record_unavailable(self) -> None:
        with self._lock:
            self.unavailable_count += 1

    def record_arrival(self, *, is_lost: bool) -> None:
        """Record whether the response to a successful request reached the client or was lost."""
        with self._lock:
            self.lost_count += is_lost
            self.received_count += not is_lost

    @property
    def loss_share(self) -> float:
        """The share of the responses to successful requests that was lost."""
        return self.lost_count / max(self.lost_count + self.received_count, 1)

    def record_unexplained(self, text: str) -> None:
        with self._lock:
            self.unexplained_responses.append(text)


class Client:
    """A customer or the front desk, on an unreliable connection. Each thread uses its own client."""

    def __init__(self, base: str, response_log: ResponseLog, *, seed: int) -> None:
        self.base = base
        self.response_log = response_log
        self.rng = random.Random(seed)
        self._http = requests.Session()

    def send(
        self, path: str, method: str, url: str, *, is_unreliable: bool = False, **request: Any
    ) -> requests.Response:
        """Send until a response arrives; retry while the database is unavailable. Raises TimeoutError.

        If ``is_unreliable``, some requests are cut off early, and some responses are lost although the server sent them
        after its commit.
        """
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        results: Counter[str] = Counter()
        while True:
            is_cut = is_unreliable and self.rng.random() < CUT_SHARE
            try:
                response = self._http.request(
                    method, self.base + url, timeout=(5, CUT_AFTER_SECONDS) if is_cut else 30, **request
                )
            except requests.RequestException as error:
                results[type(error).__name__] += 1
                if is_cut:
                    self.response_log.record_cut()
            else:
                results[_problem_code(response) or str(response.status_code)] += 1
                is_lost = is_unreliable and response.ok and self.rng.random() < LOSS_SHARE
                if is_unreliable and response.ok:
                    self.response_log.record_arrival(is_lost=is_lost)
                if response.status_code == SERVICE_UNAVAILABLE:
                    self.response_log.record_unavailable()
                elif _problem_code(response) != IN_PROGRESS and not is_lost:
                    self.response_log.record(path, response)
                    return response
            if time.monotonic() > deadline:
                raise TimeoutError(f"No response to {method} {url} within {MAX_WAIT_SECONDS} s, only {dict(results)}")
            time.sleep(self.rng.uniform(0.02, 0.2))

    def book(self, path: str, body: dict[str, Any], *, url: str = "/bookings/") -> requests.Response:
        """Book with an Idempotency-Key until a response arrives; sometimes replay it or reuse the key."""
        key = uuid4().hex
        body = {**body, "notes": key}
        headers = {"Idempotency-Key": key}
        response = self.send(path, "POST", url, is_unreliable=True, json=body, headers=headers)
        if response.ok:
            self.response_log.record_acknowledged_key(key)
            if self.rng.random() < 0.2:
                self.response_log.record_replay(
                    response.content, self.send("replay", "POST", url, json=body, headers=headers)
                )
            if self.rng.random() < 0.1:
                self._expect_reused_key_refused(url, body, headers)
        return response

    def _expect_reused_key_refused(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        for _ in range(100):
            try:
                response = self._http.post(
                    self.base + url, json={**body, "notes": "other"}, headers=headers, timeout=30
                )
            except requests.RequestException:
                continue
            if response.status_code == SERVICE_UNAVAILABLE:
                time.sleep(0.1)
                continue
            if _problem_code(response) != "idempotency_key_reused":
                self.response_log.record_unexplained(
                    f"another body under the same key: {response.status_code} {response.text[:200]}"
                )
            return


def _problem_code(response: requests.Response) -> str:
    is_problem = response.headers.get("Content-Type", "").startswith("application/problem+json")
    return str(response.json().get("code", "")) if is_problem else ""
