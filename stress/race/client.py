"""One client: sends, is cut off, sends again, and keeps an account of every answer."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import requests

PATIENCE_SECONDS = 60
CUT_AFTER_SECONDS = 0.03  # long enough for the request to be read, too short for most to be carried out
CUTS, LOSSES = 0.1, 0.2  # of the requests that are cut off early, and of the answers that are lost after the commit
AWAY = 503
# What a client may be told by somebody who was faster; the first is asked again.
IN_PROGRESS = "request_in_progress"
LOST = {"slot_taken", "invalid_transition", "paid_too_late"}


class Account:
    """What all clients were told, by path: kept together, so that one odd answer is not lost among ten thousand."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self.odd: list[str] = []
        self.cut = self.lost = self.kept = self.away = self.unequal = 0
        self.keys: set[str] = set()
        self._lock = threading.Lock()

    def note(self, path: str, answer: requests.Response) -> None:
        code = "" if answer.ok else _code(answer)
        with self._lock:
            self.answers[path, code or str(answer.status_code)] += 1
            if not answer.ok and not (answer.status_code == 409 and code in LOST):
                self.odd.append(f"{path}: {answer.status_code} {answer.text[:200]}")

    def note_key(self, key: str) -> None:
        with self._lock:
            self.keys.add(key)

    def note_replay(self, first: bytes, second: requests.Response) -> None:
        with self._lock:
            self.unequal += first != second.content

    def note_cut(self) -> None:
        with self._lock:
            self.cut += 1

    def note_away(self) -> None:
        with self._lock:
            self.away += 1

    def note_arrival(self, *, is_lost: bool) -> None:
        """Note whether the answer to something carried out, which could be repeated, came through."""
        with self._lock:
            self.lost += is_lost
            self.kept += not is_lost

    @property
    def losses(self) -> float:
        """Which part of those answers was lost."""
        return self.lost / max(self.lost + self.kept, 1)

    def note_odd(self, text: str) -> None:
        with self._lock:
            self.odd.append(text)


class Client:
    """A customer, or the desk, on a line that breaks. Each thread has its own."""

    def __init__(self, base: str, account: Account, *, seed: int) -> None:
        self.base = base
        self.account = account
        self.dice = random.Random(seed)
        self._http = requests.Session()

    def send(self, path: str, method: str, url: str, *, breaks: bool = False, **request: Any) -> requests.Response:
        """Send until there is an answer: a line that breaks and a database that is away are met with patience.

        Where the line ``breaks``, some requests are cut off before they are carried out, and some answers, which the
        server has sent after its commit, never get here.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            is_cut = breaks and self.dice.random() < CUTS
            try:
                answer = self._http.request(
                    method, self.base + url, timeout=(5, CUT_AFTER_SECONDS) if is_cut else 30, **request
                )
            except requests.RequestException:
                if is_cut:
                    self.account.note_cut()
            else:
                is_lost = breaks and answer.ok and self.dice.random() < LOSSES
                if breaks and answer.ok:
                    self.account.note_arrival(is_lost=is_lost)
                if answer.status_code == AWAY:
                    self.account.note_away()
                elif _code(answer) != IN_PROGRESS and not is_lost:
                    self.account.note(path, answer)
                    return answer
            if time.monotonic() > end:
                raise TimeoutError(f"No answer to {method} {url} for {PATIENCE_SECONDS} s")
            time.sleep(self.dice.uniform(0.02, 0.2))

    def book(self, path: str, body: dict[str, Any], *, url: str = "/bookings/") -> requests.Response:
        """Book under a key, however often the answer is lost; now and then ask again, and with another body."""
        key = uuid4().hex
        body = {**body, "notes": key}
        headers = {"Idempotency-Key": key}
        answer = self.send(path, "POST", url, breaks=True, json=body, headers=headers)
        if answer.ok:
            self.account.note_key(key)
            if self.dice.random() < 0.2:
                self.account.note_replay(answer.content, self.send("replay", "POST", url, json=body, headers=headers))
            if self.dice.random() < 0.1:
                self._expect_other_body_refused(url, body, headers)
        return answer

    def _expect_other_body_refused(self, url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        for _ in range(100):
            try:
                other = self._http.post(self.base + url, json={**body, "notes": "other"}, headers=headers, timeout=30)
            except requests.RequestException:
                continue
            if other.status_code == AWAY:
                time.sleep(0.1)
                continue
            if _code(other) != "idempotency_key_reused":
                self.account.note_odd(f"another body under one key: {other.status_code} {other.text[:200]}")
            return


def _code(answer: requests.Response) -> str:
    is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
    return str(answer.json().get("code", "")) if is_problem else ""
