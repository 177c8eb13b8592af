"""The sender threads of this process, and the thread that records their results.

A send may take longer than the slice that claimed its message: a mail server may scan a text for minutes before it
replies. So the senders belong to the process, not to a slice, and hold the lease of their message until its outcome is
recorded. They do not use the database: they put their results into queues, and one recorder thread writes them in
batches, because one connection or statement per message would be too many.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection

from foundation.database_errors import is_database_unavailable
from foundation.graceful_stop import is_stopping
from notifications.delivery.leases import expire_leases, renew_leases
from notifications.delivery.lookups import LookupResult, look_up, record_lookup
from notifications.delivery.record import record_hand_overs, record_outcomes
from notifications.delivery.send_attempt import Outcome, deliver
from notifications.models import Notification
from notifications.providers.base import AttemptAbandoned, OutgoingMessage, PendingLookup

log = logging.getLogger(__name__)

POLL_SECONDS = 0.05
RETRY_SECONDS = 1.0
HAND_OVER_SECONDS = 10.0  # how long a sender waits for its hand-over to be recorded; then it stops without sending
STACK_BYTES = 512 * 1024  # there are hundreds of sender threads, and each needs little

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class HandOverRequest:
    """A sender's request to hand over its text. ``permission`` is resolved once it is recorded or refused."""

    message: OutgoingMessage
    permission: Future[bool] = field(default_factory=Future)


class Senders:
    """Sends messages and looks them up, each in a thread of its own, and records the results.

    The recorder thread runs while anything is in flight. When the process exits, this thread keeps it alive until all
    results are recorded, or, if the worker is stopping, for STOP_GRACE_SECONDS at most.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards the next three attributes
        self._in_flight: dict[UUID, OutgoingMessage] = {}  # by attempt
        self._lookups_in_flight = 0
        self._is_recording = False
        self._recorder = threading.Thread()
        self._stopping_since: float | None = None
        self._leases_renewed_at = 0.0
        self._hand_overs: queue.SimpleQueue[HandOverRequest] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._lookups: queue.SimpleQueue[LookupResult] = queue.SimpleQueue()

    def in_flight(self) -> Counter[str]:
        """Return the number of messages that this process is sending, by channel."""
        with self._lock:
            return Counter(message.channel for message in self._in_flight.values())

    @property
    def lookups_in_flight(self) -> int:
        return self._lookups_in_flight

    def send(self, message: OutgoingMessage) -> None:
        """Send a claimed message; return immediately. Raises RuntimeError if there is no thread to record results."""
        with self._lock:
            self._ensure_recorder()
            self._in_flight[message.attempt_id] = message
        try:
            _start_thread(self._send, message)
        except RuntimeError as error:  # the system's limit of threads
            abandoned = AttemptAbandoned(f"No sender thread could be started ({error}).")
            self._outcomes.put(Outcome(message, Notification.Status.QUEUED, error=abandoned, retry_in=RETRY_SECONDS))

    def look_up(self, lookup: PendingLookup) -> None:
        """Look up a message with an unknown outcome; return immediately. Raises RuntimeError, as ``send`` does."""
        with self._lock:
            self._ensure_recorder()
            self._lookups_in_flight += 1
        try:
            _start_thread(self._look_up, lookup)
        except RuntimeError as error:
            self._lookups.put(LookupResult(lookup, error=f"No thread could be started ({error})."))

    def wait(self) -> None:
        """Return when the results of everything in flight are recorded."""
        while self._recorder.is_alive():
            self._recorder.join()

    # In the sender threads

    def _send(self, message: OutgoingMessage) -> None:
        self._outcomes.put(deliver(message, may_hand_over=lambda: self._may_hand_over(message)))

    def _may_hand_over(self, message: OutgoingMessage) -> bool:
        request = HandOverRequest(message)
        self._hand_overs.put(request)
        try:
            return request.permission.result(HAND_OVER_SECONDS)
        except TimeoutError:
            return False

    def _look_up(self, lookup: PendingLookup) -> None:
        self._lookups.put(look_up(lookup))

    # In the recorder thread

    def _ensure_recorder(self) -> None:
        if not self._is_recording:
            # Not a daemon: the interpreter waits for it at the exit of the process.
            self._recorder = threading.Thread(target=self._record_until_idle, name="recorder", daemon=False)
            self._recorder.start()
            self._is_recording = True

    def _record_until_idle(self) -> None:
        try:
            while self._has_work():
                time.sleep(POLL_SECONDS)
                self._record()
                if self._is_out_of_time():
                    self._abandon()
        except BaseException:
            with self._lock:
                self._is_recording = False
            raise
        finally:
            connection.close()

    def _has_work(self) -> bool:
        """Return whether anything is in flight. If not, the next send starts a new recorder."""
        with self._lock:
            self._is_recording = bool(self._in_flight or self._lookups_in_flight)
            return self._is_recording

    def _record(self) -> None:
        """Record what the senders have put into the queues."""
        self._permit_hand_overs(_take_all(self._hand_overs))
        self._record_outcomes(_take_all(self._outcomes))
        self._record_lookups(_take_all(self._lookups))
        self._renew_leases()

    def _permit_hand_overs(self, requests: list[HandOverRequest]) -> None:
        if not requests:
            return
        attempt_ids = [request.message.attempt_id for request in requests]
        permitted = _write(lambda: record_hand_overs(attempt_ids)) or set()
        for request in requests:
            request.permission.set_result(request.message.attempt_id in permitted)

    def _record_outcomes(self, outcomes: list[Outcome]) -> None:
        if not outcomes:
            return
        if _write(lambda: record_outcomes(outcomes)) is None:
            for outcome in outcomes:  # one by one: one that cannot be recorded must not lose the others
                _write(partial(record_outcomes, [outcome]))
        with self._lock:
            for outcome in outcomes:
                self._in_flight.pop(outcome.message.attempt_id, None)

    def _record_lookups(self, results: list[LookupResult]) -> None:
        for result in results:
            _write(partial(record_lookup, result))
            with self._lock:
                self._lookups_in_flight -= 1

    def _renew_leases(self) -> None:
        if time.monotonic() < self._leases_renewed_at + settings.SEND_LEASE_SECONDS / 4:
            return
        with self._lock:
            attempt_ids = list(self._in_flight)
        _write(lambda: renew_leases(attempt_ids))
        self._leases_renewed_at = time.monotonic()

    def _is_out_of_time(self) -> bool:
        if not is_stopping():
            return False
        self._stopping_since = self._stopping_since or time.monotonic()
        return time.monotonic() > self._stopping_since + settings.STOP_GRACE_SECONDS

    def _abandon(self) -> None:
        """End the leases of what is still in flight: the messages that were not handed over are queued again."""
        with self._lock:
            attempt_ids = list(self._in_flight)
            self._in_flight.clear()
            self._lookups_in_flight = 0
        for request in _take_all(self._hand_overs):
            request.permission.set_result(False)
        _write(lambda: expire_leases(attempt_ids))


SENDERS = Senders()


def _write(write: Callable[[], Result]) -> Result | None:
    """Retry ``write`` until the database is available: the results exist only in this process.

    Any other error is logged, and None returned. Then the lease of the message expires, which decides.
    """
    while True:
        try:
            return write()
        except Exception as error:
            if not is_database_unavailable(error):
                log.exception("A result could not be recorded")
                return None
            log.warning("Keeping results until the database is available: %s", type(error).__name__)
            connection.close()
            time.sleep(RETRY_SECONDS)


def _start_thread(run: Callable[[Item], None], item: Item) -> None:
    threading.stack_size(STACK_BYTES)
    threading.Thread(target=run, args=(item,), daemon=True).start()


def _take_all(items: queue.SimpleQueue[Item]) -> list[Item]:
    return [items.get_nowait() for _ in range(items.qsize())]
